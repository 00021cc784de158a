"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def wait_until(predicate: Callable[[], object], *, timeout: float = 30) -> None:
    """Return once `predicate()` is true. Raises AssertionError, which names the predicate, after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {predicate}")
        await asyncio.sleep(0.005)


class Waiters:
    """Callers that wait for a change, each on its own event loop."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def wake_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            wake(waiter)

    async def wait(self, until: float) -> None:
        """Return after the next `wake_all`, or at this time of the running loop."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_at(until, wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()


def wake(waiter: asyncio.Future[None]) -> None:
    """Let it go on, unless it has been cancelled."""
    if not waiter.done():
        waiter.set_result(None)
