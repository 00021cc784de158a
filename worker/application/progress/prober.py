"""How an outage of Redis begins, is waited out and ends: the only code that probes, and that tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from worker.domain.circuit import Circuit
from worker.events import Event, emit
from worker.ports import ProgressCache, StoreUnavailableError


@dataclass(slots=True)
class Outage:
    """A time in which Redis could not be used; it ends when the records it touched have been replayed."""

    since: datetime
    began_at: float  # loop time, in seconds
    reason: str
    failure_seconds: float  # how long the first failure took
    is_announced: bool = False


class Prober:
    """Probes while the circuit is open, one probe at a time, then replays and reports. Runs for ever.

    `replay` writes what Redis is missing, returns the number of jobs, and stops early if the circuit opens again: that
    is still the same outage.
    """

    def __init__(
        self,
        cache: ProgressCache,
        circuit: Circuit,
        replay: Callable[[], Awaitable[int]],
        *,
        endpoint: str,
        fails_over: bool,
        live_jobs: Callable[[], int],
        now: Callable[[], datetime],
        random: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._circuit = circuit
        self._replay = replay
        self._endpoint = endpoint
        self._fails_over = fails_over
        self._live_jobs = live_jobs
        self._now = now
        self._random = random
        self._opened = asyncio.Event()
        self.outage: Outage | None = None
        self.outages = 0

    def circuit_opened(self, reason: str, failure_seconds: float) -> None:
        """User traffic has tripped the circuit. Returns at once; `run` does the rest."""
        self._begin(reason, failure_seconds)
        self._opened.set()

    async def run(self) -> None:
        while True:
            probe_seconds = await self._probe_until_closed()
            jobs = await self._replay()
            if self._circuit.is_closed:
                self._end(probe_seconds, jobs)
                await self._opened.wait()
            self._opened.clear()

    async def _probe_until_closed(self) -> float:
        """Returns the time that the last probe took."""
        self._announce()
        await self._cache.reset()
        while True:
            await asyncio.sleep(self._circuit.probe_delay_seconds(self._random()))
            began_at = self._time()
            try:
                await self._cache.probe()
            except StoreUnavailableError as failure:
                self._circuit.probe_failed()
                self._begin(failure.reason, self._time() - began_at)
                self._announce()
            else:
                if self._circuit.probe_succeeded(self._time()):
                    return self._time() - began_at

    def _begin(self, reason: str, failure_seconds: float) -> None:
        if self.outage is None:
            self.outage = Outage(self._now(), self._time() - failure_seconds, reason, failure_seconds)
            self.outages += 1

    def _announce(self) -> None:
        """Once an outage. Not where it began: a line that is written there would carry the name of some job."""
        outage = self.outage
        if outage is None or outage.is_announced:
            return
        outage.is_announced = True
        emit(
            Event.REDIS_UNAVAILABLE,
            endpoint=self._endpoint,
            reason=outage.reason,
            duration_seconds=round(outage.failure_seconds, 3),
        )
        if self._fails_over:
            emit(Event.PROGRESS_FAILED_OVER, reason=outage.reason, live_jobs=self._live_jobs())

    def _end(self, probe_seconds: float, jobs: int) -> None:
        outage, self.outage = self.outage, None
        emit(Event.REDIS_CONNECTED, endpoint=self._endpoint, duration_seconds=round(probe_seconds, 3))
        if outage is not None and self._fails_over:
            outage_seconds = round(self._time() - outage.began_at, 3)
            emit(Event.PROGRESS_FAILED_BACK, outage_seconds=outage_seconds, jobs_carried_over=jobs)

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()
