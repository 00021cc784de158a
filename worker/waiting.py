"""Waiting for an event for a bounded time, and for several coroutines at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set, `seconds` at most. Returns whether it was set in time."""
    return await wait_for_event_until(event, asyncio.get_running_loop().time() + seconds)


async def wait_for_event_until(event: asyncio.Event, deadline: float | None) -> bool:
    """Wait until the event is set, or until the loop time `deadline` (None: as long as it takes).

    Returns whether it was set in time.
    """
    if deadline is None:
        return await event.wait()
    try:
        async with asyncio.timeout_at(deadline):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def all_or_first_error(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all coroutines at once. The first error cancels the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as failures:
        first = failures.exceptions[0]
        raise first from first.__cause__
