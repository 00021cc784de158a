"""Slots without a job, lent to jobs that can use more than one. A job that comes gets its slot at once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from worker.waiting import wait_for_event_until

# A slot whose next job is already on its way is not lent: with a deep queue, each is free for a moment now and then.
_CALM_SECONDS = 0.5


class SpareSlots:
    """Lends the free ones of so many slots. While they `are_reserved`, for a job that runs alone, it lends none."""

    def __init__(self, concurrency: int, are_reserved: Callable[[], bool]) -> None:
        self.concurrency = concurrency
        self._are_reserved = are_reserved
        self._in_hand = 0
        self._came_at = -math.inf
        self._lent: list[asyncio.Event] = []
        self._changed = asyncio.Event()

    def hold(self, deliveries: int) -> None:
        """Note how many deliveries are in hand. Slots that they need are called back, those lent last at first."""
        if deliveries > self._in_hand:
            self._came_at = asyncio.get_running_loop().time()
        self._in_hand = deliveries
        for recalled in self._lent[max(0, self.concurrency - deliveries) :]:
            recalled.set()
        self._changed.set()

    @property
    def spare(self) -> int:
        """How many are free. Each can be borrowed as soon as no job has come for a while."""
        return 0 if self._are_reserved() else max(0, self.concurrency - self._in_hand - len(self._lent))

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[asyncio.Event]:
        """Wait for a slot, and have it inside. The event is set when it is called back."""
        time = asyncio.get_running_loop().time
        while not self.spare or time() < self._came_at + _CALM_SECONDS:
            self._changed.clear()
            await wait_for_event_until(self._changed, self._came_at + _CALM_SECONDS if self.spare else None)
        recalled = asyncio.Event()
        self._lent.append(recalled)
        try:
            yield recalled
        finally:
            self._lent.remove(recalled)
            self._changed.set()
