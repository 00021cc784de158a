"""Pauses consumption when too much is rejected: a deploy that refuses every message must not empty the queue."""

from __future__ import annotations

import asyncio
from collections import deque

from worker.events import Event, emit
from worker.waiting import wait_for_event

_WINDOW_SECONDS = 60.0


class RejectLimit:
    """Pauses consumption for a minute when there were more than `limit` rejects within one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._recent: deque[float] = deque(maxlen=limit + 1)  # loop times, oldest first
        self._is_paused = False

    @property
    def is_paused(self) -> bool:
        """For any thread."""
        return self._is_paused

    def rejected(self) -> None:
        """A message is about to be rejected."""
        self._recent.append(asyncio.get_running_loop().time())

    async def wait_while_paused(self, stopping: asyncio.Event) -> None:
        """Return at once below the limit, else after the pause, or when `stopping` is set."""
        now = asyncio.get_running_loop().time()
        if len(self._recent) <= self._limit or now - self._recent[0] >= _WINDOW_SECONDS:
            return
        self._is_paused = True
        emit(Event.CONSUMPTION_PAUSED, rejects=len(self._recent), limit=self._limit, pause_seconds=_WINDOW_SECONDS)
        await wait_for_event(stopping, _WINDOW_SECONDS)
        self._recent.clear()
        self._is_paused = False
        if not stopping.is_set():
            emit(Event.CONSUMPTION_RESUMED, pause_seconds=_WINDOW_SECONDS)
