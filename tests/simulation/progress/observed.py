"""The real store and a worker's connections to Redis and DynamoDB, whose calls and results go to the checker."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulation.core.stores import SimulatedJobTable, SimulatedRedis
from tests.simulation.progress.invariants import LONGEST_CALL_SECONDS
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache
from worker.domain.claim import ClaimMark, JobMessage
from worker.domain.progress import Record, Version
from worker.ports import Conflict, WriteResult, Written

if TYPE_CHECKING:
    from tests.simulation.progress.workers import Worker


T = TypeVar("T")

JOB_SECONDS = 1.0  # the table's budget for what a job waits for: a third of a lease
LONGEST_FOR_JOB_SECONDS = JOB_SECONDS + 0.4  # with the cache after it


class ObservedStore(FailoverStore):
    """The real store; its results go to the checker."""

    worker: Worker

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        result = await self._timed("an end", super().write_if_unchanged(record, seen), LONGEST_FOR_JOB_SECONDS)
        if isinstance(result, Written):
            self.worker.checker.claim_acknowledged(record)
        return result

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        result = await self._timed("a claim", super().claim(record, seen, mark, message), LONGEST_FOR_JOB_SECONDS)
        if isinstance(result, Written):
            self.worker.checker.claim_acknowledged(record)
        return result

    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        result = await self._timed("the beginning of a run", super().begin_run(record, seen), LONGEST_FOR_JOB_SECONDS)
        if isinstance(result, Written):
            self.worker.checker.claim_acknowledged(record)
        return result

    async def found_in_table(self, record: Record) -> None:
        self.worker.checker.claim_acknowledged(record)
        await super().found_in_table(record)

    async def tick(self, record: Record) -> WriteResult:
        return await self._observed(super().tick(record), record, is_durable=self.worker.ticks_are_durable)

    async def checkpoint(self, record: Record) -> WriteResult:
        return await self._observed(super().checkpoint(record), record, is_durable=True)

    async def commit(self, record: Record) -> WriteResult:
        return await self._observed(super().commit(record), record, is_durable=True, longest=LONGEST_FOR_JOB_SECONDS)

    async def _timed(self, what: str, call: Coroutine[Any, Any, T], longest: float) -> T:
        began_at = self.worker.loop.now
        try:
            return await call
        finally:
            self.worker.checker.took(what, self.worker.loop.now - began_at, longest)

    async def _observed(
        self,
        write: Coroutine[Any, Any, WriteResult],
        record: Record,
        *,
        is_durable: bool,
        longest: float = LONGEST_CALL_SECONDS,
    ) -> WriteResult:
        checker = self.worker.checker
        losses = checker.losses
        outcome = await self._timed("a write", write, longest)
        if outcome is WriteResult.STALE:
            self.worker.check_that_it_is_lost(record)
        else:
            checker.acknowledged(record, is_durable=is_durable, losses_before=losses)
        return outcome


class ObservedCache(GuardedCache):
    """The real guarded cache; the beginning of a replay goes to the checker of the circuit."""

    worker: Worker

    async def _replay(self) -> int:
        self.worker.circuit.replay_begins()
        return await super()._replay()


class ObservedRedis(SimulatedRedis):
    """A worker's Redis; its calls and results go to the checker of the circuit."""

    worker: Worker

    async def write(self, record: Record) -> WriteResult:
        circuit = self.worker.circuit
        circuit.user_calls(is_closed=self.worker.cache.state == "connected")
        outcome = await super().write(record)
        if outcome is not WriteResult.STALE:
            circuit.acknowledged(record)
        circuit.redis_answered(record, outcome)
        return outcome

    async def probe(self) -> None:
        self.worker.circuit.probe_begins()
        try:
            await super().probe()
        finally:
            self.worker.circuit.probe_ends()


class ObservedJobTable(SimulatedJobTable):
    """A worker's DynamoDB; what it keeps has to be replayed to Redis after an outage."""

    worker: Worker

    async def write(self, record: Record) -> WriteResult:
        return self._answered(record, await super().write(record))

    async def commit(self, record: Record) -> WriteResult:
        return self._answered(record, await super().commit(record))

    def _answered(self, record: Record, outcome: WriteResult) -> WriteResult:
        if outcome is WriteResult.STALE:
            self.worker.circuit.refused(record.job_id)
        else:
            self.worker.circuit.acknowledged(record)
        return outcome

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        result = await super().claim(record, seen, mark, message)
        if isinstance(result, Written):
            self.worker.circuit.acknowledged(record)
        return result

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        result = await super().write_if_unchanged(record, seen)
        if isinstance(result, Written):
            self.worker.circuit.acknowledged(record)
        return result

    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        result = await super().begin_run(record, seen)
        if isinstance(result, Written):
            self.worker.circuit.acknowledged(record)
        return result
