"""The progress cache as something that may be lost: each write is bounded, and left out while an outage lasts."""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from worker import metrics
from worker.application.progress.backlog import Backlog
from worker.application.progress.outages import Outage, Outages
from worker.domain.circuit import Circuit, Severity
from worker.domain.progress import Record
from worker.events import Event, emit
from worker.ports import ProgressCache, ProgressStore, StoreUnavailableError, WriteResult

Mode = Literal["failover", "durable"]
CacheState = Literal["disabled", "connected", "unavailable"]

CACHE_SECONDS = 0.3  # the cache's part of a write; with the job table's after it, a write stays below one second
_REPLAY_PAUSE_SECONDS = 0.1
_REPLAY_REFUSALS = 5  # of one record; failures of the cache itself are counted by the circuit


class GuardedCache:
    """Writes to the cache while its circuit is closed. `run` has to run beside it: only its probes close the circuit.

    In mode `failover` ticks go to the cache alone while it serves. In mode `durable` they go to the job table first,
    and the cache only makes reads fast.
    """

    def __init__(
        self,
        cache: ProgressCache,
        *,
        now: Callable[[], datetime],
        mode: Mode = "failover",
        seconds: float = CACHE_SECONDS,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._cache = cache
        self._takes_ticks = mode == "failover"
        self._seconds = seconds
        self._random = random
        self._circuit = Circuit()
        self._has_tripped = asyncio.Event()
        self._backlog = Backlog()
        self._outages = Outages(cache.endpoint, moves_ticks=self._takes_ticks, now=now)
        self._in_flight: set[asyncio.Timeout] = set()
        self._first_failure: tuple[str, float] | None = None  # of a streak: the reason, and the seconds it took

    @property
    def name(self) -> str | None:
        """The name of the cache."""
        return self._cache.name

    @property
    def state(self) -> CacheState:
        return "connected" if self._circuit.is_closed else "unavailable"

    @property
    def tick_store(self) -> ProgressStore | None:
        """The cache, while ticks go there alone."""
        return self._cache if self._takes_ticks and self._circuit.is_closed else None

    @property
    def outage(self) -> Outage | None:
        """The outage that goes on."""
        return self._outages.current

    @property
    def outages(self) -> int:
        """How many outages there have been."""
        return self._outages.count

    # --- writing --------------------------------------------------------------------------------------------------

    async def write(self, record: Record) -> WriteResult | None:
        """Write while the circuit is closed. None: not written, or not known to be."""
        if not self._circuit.is_closed:
            return None
        try:
            return await self._write(record)
        except StoreUnavailableError:
            return None

    def table_answered(self, record: Record, result: WriteResult) -> None:
        """Note the job table's answer to a write: a record that the cache lacks is written to it after an outage."""
        self._backlog.table_answered(record, result)

    def failed_over(self) -> None:
        """Count a tick that the job table has taken in place of the cache."""
        if self._outages.current is not None:
            self._outages.current.writes_failed_over += 1

    def attempt_ended(self, job_id: str) -> None:
        """Note that the attempt writes no more, whether its end could be recorded or not."""
        self._backlog.attempt_ended(job_id)

    async def _write(self, record: Record) -> WriteResult:
        """Write to the cache. Raises StoreUnavailableError, which the circuit has counted."""
        time = asyncio.get_running_loop().time
        generation, began_at = self._circuit.generation, time()
        try:
            with metrics.ProgressWrite(self._cache.name) as write:
                result = await self._write_in_time(record)
                write.outcome = result.value
        except StoreUnavailableError as failure:
            self._failed(failure, generation, began_at, time())
            raise
        self._first_failure = None
        self._circuit.call_succeeded(generation, time())
        self._backlog.cache_answered(record, result)
        return result

    async def _write_in_time(self, record: Record) -> WriteResult:
        """Write within the time limit. Raises StoreUnavailableError, also when the circuit opens meanwhile."""
        try:
            async with asyncio.timeout(self._seconds) as scope:
                self._in_flight.add(scope)
                try:
                    return await self._cache.write(record)
                finally:
                    self._in_flight.discard(scope)
        except TimeoutError as exc:
            raise StoreUnavailableError("timeout") from exc

    def _failed(self, failure: StoreUnavailableError, generation: int, began_at: float, at: float) -> None:
        if failure.severity is Severity.LOCAL or generation != self._circuit.generation:
            return
        if self._first_failure is None or failure.severity is Severity.HARD:
            self._first_failure = (failure.reason, at - began_at)
        reason, seconds = self._first_failure
        if not self._circuit.call_failed(generation, failure.severity, at):
            return
        self._first_failure = None
        for scope in self._in_flight:  # a write under way goes to the job table now, not when its time is up
            if not scope.expired():
                scope.reschedule(at)
        self._outages.begin(reason, seconds)
        self._has_tripped.set()

    # --- failing back: the only code that probes --------------------------------------------------------------------

    async def run(self) -> None:
        """Probe while the circuit is open, one probe at a time, then replay. Runs for ever.

        An outage ends when the replay is done; if the circuit opens again meanwhile, it is still the same outage.
        """
        while True:
            probe_seconds = await self._probe_until_closed()
            jobs = await self._replay()
            if self._circuit.is_closed:
                self._outages.end(probe_seconds, jobs)
                await self._has_tripped.wait()
            self._has_tripped.clear()

    async def _probe_until_closed(self) -> float:
        """Probe until the circuit is closed. Returns the seconds that the last probe took."""
        time = asyncio.get_running_loop().time
        self._outages.announce(self._backlog.live_jobs)
        await self._cache.reset()
        while True:
            await asyncio.sleep(self._circuit.probe_delay_seconds(self._random()))
            began_at = time()
            try:
                await self._cache.probe()
            except StoreUnavailableError as failure:
                self._circuit.probe_failed()
                self._outages.begin(failure.reason, time() - began_at)
                self._outages.announce(self._backlog.live_jobs)
            else:
                if self._circuit.probe_succeeded(time()):
                    return time() - began_at

    async def _replay(self) -> int:
        """Bring the cache up to date, while the circuit is closed. Returns how many jobs' records it now has."""
        return sum([await self._replayed(record) for record in self._backlog.records()])

    async def _replayed(self, record: Record) -> bool:
        """Whether the cache has it. Not if the circuit opens, nor if it is this record that cannot be written."""
        refusals = 0
        while self._circuit.is_closed:
            try:
                await self._write(record)
            except StoreUnavailableError as failure:
                refusals += failure.severity is Severity.LOCAL
                if refusals == _REPLAY_REFUSALS:
                    emit(Event.PROGRESS_REPLAY_FAILED, job_id=record.job_id, error=failure.reason)
                    self._backlog.forget(record)
                    return False
                await asyncio.sleep(_REPLAY_PAUSE_SECONDS)
            else:
                return True
        return False


class NoCache:
    """In place of a cache where none is set: everything goes to the job table."""

    name: str | None = None
    state: CacheState = "disabled"
    tick_store: ProgressStore | None = None
    outage: Outage | None = None
    outages = 0

    async def run(self) -> None:
        emit(Event.REDIS_DISABLED)
        await asyncio.get_running_loop().create_future()

    async def write(self, record: Record) -> WriteResult | None:
        return None

    def table_answered(self, record: Record, result: WriteResult) -> None:
        """Nothing is kept for a replay."""

    def failed_over(self) -> None:
        """There is nothing to fail over from."""

    def attempt_ended(self, job_id: str) -> None:
        """Nothing was kept."""
