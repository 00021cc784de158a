"""Waiting for an event, for a bounded time."""

from __future__ import annotations

import asyncio


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set, `seconds` at most. Returns whether it was set in time."""
    return await wait_for_event_until(event, asyncio.get_running_loop().time() + seconds)


async def wait_for_event_until(event: asyncio.Event, deadline: float | None) -> bool:
    """Wait until the event is set, or until the loop time `deadline` (None: as long as it takes).

    Returns whether it was set in time.
    """
    try:
        async with asyncio.timeout_at(deadline):
            await event.wait()
    except TimeoutError:
        return False
    return True
