"""A watch that ends when its client is closed, also for a task that waits for its next reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded when a Jobs is entered
    from worker.application.progress.reader import Reading

NOT_OPEN = "use Jobs inside of `async with`"
ENTERED_TWICE = "a Jobs can be entered once: make another one"


class ClosableReadings:
    """The readings of one watch. `next` and `close` may be called by different tasks."""

    def __init__(self, readings: AsyncGenerator[Reading, None]) -> None:
        self._readings = readings
        self._next: asyncio.Task[Reading | None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def next(self) -> Reading | None:
        """The next reading; None where there is no more. Raises RuntimeError once the watch is closed."""
        if self._closing is not None:
            raise RuntimeError(NOT_OPEN)
        task = self._next = asyncio.ensure_future(anext(self._readings, None))
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if self._closing is not None and not (caller and caller.cancelling()):
                raise RuntimeError(NOT_OPEN) from None
            raise

    async def close(self) -> None:
        """End the readings. A second call waits for the same end."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.cancel()
            await asyncio.wait([self._next])
        await self._readings.aclose()
