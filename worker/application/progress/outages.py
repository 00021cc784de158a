"""The outages of the cache: the one that goes on, and what the log says of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from worker.events import Event, emit


@dataclass(slots=True)
class Outage:
    """A time in which the cache could not be used; it ends when the records it touched have been replayed."""

    since: datetime
    began_at: float  # loop time, in seconds
    reason: str
    failure_seconds: float  # how long the first failure took
    is_announced: bool = False
    writes_failed_over: int = 0  # ticks that the job table took in place of the cache


class Outages:
    """Counts outages and announces each once. With `moves_ticks`, ticks go to the job table for as long as one lasts.

    The events have the same names for any progress cache: `redis.*` (docs/events.md).
    """

    def __init__(self, endpoint: str, *, moves_ticks: bool, now: Callable[[], datetime]) -> None:
        self._endpoint = endpoint
        self._moves_ticks = moves_ticks
        self._now = now
        self.current: Outage | None = None
        self.count = 0

    def begin(self, reason: str, failure_seconds: float) -> None:
        """Begin an outage with this failure, unless one goes on.

        Logs nothing: the caller may be the write of a job, whose id the line would carry.
        """
        if self.current is None:
            self.current = Outage(self._now(), _time() - failure_seconds, reason, failure_seconds)
            self.count += 1

    def announce(self, live_jobs: int) -> None:
        """Log that the outage has begun, once."""
        outage = self.current
        if outage is None or outage.is_announced:
            return
        outage.is_announced = True
        emit(
            Event.REDIS_UNAVAILABLE,
            endpoint=self._endpoint,
            error=outage.reason,
            duration_seconds=round(outage.failure_seconds, 3),
        )
        if self._moves_ticks:
            emit(Event.PROGRESS_FAILED_OVER, error=outage.reason, live_jobs=live_jobs)

    def end(self, probe_seconds: float, jobs: int) -> None:
        """Log that the cache serves, after an outage or for the first time. So many `jobs` had records to replay."""
        outage, self.current = self.current, None
        emit(Event.REDIS_CONNECTED, endpoint=self._endpoint, duration_seconds=round(probe_seconds, 3))
        if outage is not None and self._moves_ticks:
            outage_seconds = round(_time() - outage.began_at, 3)
            emit(
                Event.PROGRESS_FAILED_BACK,
                outage_seconds=outage_seconds,
                jobs_carried_over=jobs,
                writes_failed_over=outage.writes_failed_over,
            )


def _time() -> float:
    return asyncio.get_running_loop().time()
