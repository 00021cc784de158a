"""The store that writes to Redis and drops to DynamoDB: bounded, and never back to an older record.

DynamoDB is the table: claims, checkpoints and final states are kept there first, in every mode. Redis is the
cache: ticks go there while the circuit is closed, else to DynamoDB with the same version. Each write is a
compare-and-set in its store, so one that was given up may still arrive and harms nothing.
"""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from worker import metrics
from worker.application.progress.backlog import Backlog
from worker.application.progress.prober import Outage, Prober
from worker.domain.circuit import Circuit, Severity
from worker.domain.progress import Record, Version
from worker.events import Event, emit
from worker.ports import Conflict, JobTable, ProgressCache, StoreUnavailableError, WriteResult, Written

Mode = Literal["failover", "durable"]
RedisState = Literal["disabled", "connected", "unavailable"]
Destination = Literal["redis", "dynamodb"]

REDIS_SECONDS = 0.3  # Redis' part of a write; with DynamoDB's budget after it, a write stays below one second
_REPLAY_PAUSE_SECONDS = 0.1
_REPLAY_REFUSALS = 5  # of one record; a failure that says something of Redis is the circuit's to count


class FailoverStore:
    """Where a worker's progress goes. `run` has to run beside it: until it has probed Redis once, DynamoDB serves.

    In mode `durable` a tick is acknowledged only when DynamoDB has it, and Redis makes reads fast.
    All writes return within one second, whatever the stores do, or raise StoreUnavailableError.
    """

    def __init__(
        self,
        table: JobTable,
        cache: ProgressCache | None,
        *,
        now: Callable[[], datetime],
        mode: Mode = "failover",
        endpoint: str = "",
        redis_seconds: float = REDIS_SECONDS,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._table = table
        self._cache = cache
        self._mode = mode
        self._redis_seconds = redis_seconds
        self._circuit = Circuit()
        self._backlog = Backlog()
        self._in_flight: set[asyncio.Timeout] = set()
        self._first_failure: tuple[str, float] | None = None  # of a streak: the reason, and the seconds it took
        self._prober: Prober | None = None
        if cache is not None:
            self._prober = Prober(
                cache,
                self._circuit,
                self._replay,
                endpoint=endpoint,
                fails_over=mode == "failover",
                live_jobs=lambda: self._backlog.live_jobs,
                now=now,
                random=random,
            )

    async def run(self) -> None:
        """Keep contact with Redis, for ever."""
        if self._prober is None:
            emit(Event.REDIS_DISABLED)
            await asyncio.get_running_loop().create_future()
        else:
            await self._prober.run()

    # --- what /health shows -----------------------------------------------------------------------------------------

    @property
    def redis_state(self) -> RedisState:
        if self._prober is None:
            return "disabled"
        return "connected" if self._circuit.is_closed else "unavailable"

    @property
    def progress_store(self) -> Destination:
        """Where the next tick goes."""
        return "redis" if self._mode == "failover" and self._circuit.is_closed else "dynamodb"

    @property
    def outage(self) -> Outage | None:
        """The outage of Redis that is going on."""
        return None if self._prober is None else self._prober.outage

    @property
    def outages(self) -> int:
        """How many there have been."""
        return 0 if self._prober is None else self._prober.outages

    # --- writing --------------------------------------------------------------------------------------------------

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        """Keep a claim, or an end without one, if the durable record is still at `seen`.

        No tick may go before a claim that is not `Written`.
        """
        with metrics.PROGRESS_DURATION.time():
            result = await self._table.write_if_unchanged(record, seen)
            if isinstance(result, Written):
                self._note(record, WriteResult.APPLIED)
                await self._accelerate(record)
            return result

    async def tick(self, record: Record) -> WriteResult:
        """Keep the record where it is fastest. STALE: the job is no longer ours."""
        if self._mode == "durable":
            return await self._keep(record)
        with metrics.PROGRESS_DURATION.time():
            return await self._accelerate(record) or await self._write_durably(record)

    async def checkpoint(self, record: Record) -> WriteResult:
        """Keep the record in DynamoDB, whose verdict counts, then in Redis if that is there."""
        return await self._keep(record)

    async def commit(self, record: Record) -> WriteResult:
        """Keep a record that ends the attempt. SAME, as an answer to a second try: the first one got through."""
        return await self._keep(record)

    async def share(self, record: Record) -> None:
        """Let Redis have a final record of DynamoDB's: who wrote it there may have died before it told Redis."""
        await self._accelerate(record)

    def attempt_ended(self, job_id: str) -> None:
        """The attempt writes no more, whether its end could be recorded or not."""
        self._backlog.attempt_ended(job_id)

    async def _keep(self, record: Record) -> WriteResult:
        with metrics.PROGRESS_DURATION.time():
            outcome = await self._write_durably(record)
            if outcome is not WriteResult.STALE:
                await self._accelerate(record)
            return outcome

    async def _write_durably(self, record: Record) -> WriteResult:
        with metrics.ProgressWrite("dynamodb") as write:
            outcome = await self._table.write(record)
            write.outcome = outcome.value
        self._note(record, outcome)
        return outcome

    def _note(self, record: Record, outcome: WriteResult) -> None:
        """DynamoDB has it; Redis, if there is one, may lack it."""
        if self._cache is not None:
            self._backlog.written(record, outcome, to_redis=False)

    async def _accelerate(self, record: Record) -> WriteResult | None:
        """Write to Redis while the circuit is closed. None: not written, or not known to be."""
        if self._cache is None or not self._circuit.is_closed:
            return None
        try:
            return await self._write_to_redis(self._cache, record)
        except StoreUnavailableError:
            return None

    async def _write_to_redis(self, cache: ProgressCache, record: Record) -> WriteResult:
        """Raises StoreUnavailableError, of which the circuit knows then."""
        time = asyncio.get_running_loop().time
        generation, began_at = self._circuit.generation, time()
        try:
            with metrics.ProgressWrite("redis") as write:
                outcome = await self._write_in_time(cache, record)
                write.outcome = outcome.value
        except StoreUnavailableError as failure:
            self._failed(failure, generation, began_at, time())
            raise
        self._first_failure = None
        self._circuit.call_succeeded(generation, time())
        self._backlog.written(record, outcome, to_redis=True)
        return outcome

    async def _write_in_time(self, cache: ProgressCache, record: Record) -> WriteResult:
        """Raises StoreUnavailableError, also when the time is up, or when the circuit opens meanwhile."""
        try:
            async with asyncio.timeout(self._redis_seconds) as scope:
                self._in_flight.add(scope)
                try:
                    return await cache.write(record)
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
        for scope in self._in_flight:  # what is under way to Redis goes to DynamoDB now, not when its time is up
            if not scope.expired():
                scope.reschedule(at)
        if self._prober is not None:
            self._prober.circuit_opened(reason, seconds)

    async def _replay(self) -> int:
        """Bring Redis up to date, while the circuit is closed. Returns how many jobs' records it now has."""
        if self._cache is None:
            return 0
        return sum([await self._replayed(self._cache, record) for record in self._backlog.records()])

    async def _replayed(self, cache: ProgressCache, record: Record) -> bool:
        """Whether Redis has it. Not if the circuit opens, nor if it is this record that cannot be written."""
        refusals = 0
        while self._circuit.is_closed:
            try:
                await self._write_to_redis(cache, record)
            except StoreUnavailableError as failure:
                refusals += failure.severity is Severity.LOCAL
                if refusals == _REPLAY_REFUSALS:
                    emit(Event.PROGRESS_REPLAY_FAILED, job_id=record.job_id, reason=failure.reason)
                    self._backlog.forget(record)
                    return False
                await asyncio.sleep(_REPLAY_PAUSE_SECONDS)
            else:
                return True
        return False
