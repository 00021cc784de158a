"""Too many rejects: a deploy that refuses every message must not empty the queue."""

from __future__ import annotations

import asyncio
from collections import deque

from worker.application.consuming.pause import PauseReason, Problem
from worker.domain.backoff import Backoff

_WINDOW_SECONDS = 60.0


class RejectLimit:
    """Pauses consumption for a minute when there were more than `limit` rejects within one."""

    reason = PauseReason.REJECTS
    backoff = Backoff(first_seconds=_WINDOW_SECONDS, factor=1, cap_seconds=_WINDOW_SECONDS, floor=1)

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._recent: deque[float] = deque(maxlen=limit + 1)  # loop times, oldest first

    def rejected(self) -> None:
        """Count a message that is about to be rejected."""
        self._recent.append(asyncio.get_running_loop().time())

    @property
    def is_suspected(self) -> bool:
        if len(self._recent) <= self._limit:
            return False
        return asyncio.get_running_loop().time() - self._recent[0] < _WINDOW_SECONDS

    async def probe(self) -> Problem | None:
        if not self.is_suspected:
            return None
        return Problem(f"more than {self._limit} rejects in a minute", is_lasting=True)

    def begun(self, problem: Problem) -> None:
        """Count anew from now on: the pause is what the rejects so far lead to."""
        self._recent.clear()

    def ended(self, seconds: float) -> None:
        """Count anew once more: jobs that ended during the pause may have been rejected."""
        self._recent.clear()
