"""Which store a record goes to: the cache while it serves, the job table when it does not, both where it matters.

Claims, checkpoints and final states are kept in the job table first, in every mode. Ticks go to the cache while it
serves, else to the table with the same version. Each write is a compare-and-set in its store, so one that was given
up may still arrive and harms nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from worker import metrics
from worker.application.progress.guarded_cache import CacheState, GuardedCache, NoCache
from worker.application.progress.outages import Outage
from worker.domain.claim import ClaimMark, JobMessage
from worker.domain.progress import Record, Version
from worker.ports import Conflict, JobTable, StoreUnavailableError, UnreadableRecordError, WriteResult, Written

T = TypeVar("T")


class FailoverStore:
    """Where a worker's progress goes. `run` has to run beside it: until it has probed the cache, the table serves.

    Ticks and checkpoints return within one second, even if both stores hang, or raise StoreUnavailableError. What a
    job waits for (`claim`, `commit`, `write_if_unchanged`) has seconds. `on_table_failure` is called for each write
    that the table did not answer.
    """

    def __init__(
        self, table: JobTable, cache: GuardedCache | NoCache, *, on_table_failure: Callable[[], None] = lambda: None
    ) -> None:
        self._table = table
        self._cache = cache
        self._on_table_failure = on_table_failure

    async def run(self) -> None:
        """Keep contact with the cache, for ever."""
        await self._cache.run()

    # --- where the next tick goes, and what /health shows -----------------------------------------------------------

    @property
    def ticks_are_cached(self) -> bool:
        """Whether the next tick goes to the cache alone."""
        return self._cache.tick_store is not None

    @property
    def progress_store(self) -> str:
        """The name of the store that the next tick goes to."""
        return (self._cache.tick_store or self._table).name

    @property
    def tick_seconds(self) -> float:
        """The pause before the next tick of a job: as long as that store asks for."""
        return (self._cache.tick_store or self._table).tick_seconds

    @property
    def cache_name(self) -> str | None:
        """The name of the cache; None where there is none."""
        return self._cache.name

    @property
    def cache_state(self) -> CacheState:
        return self._cache.state

    @property
    def outage(self) -> Outage | None:
        """The outage of the cache that goes on."""
        return self._cache.outage

    @property
    def outages(self) -> int:
        """How many outages of the cache there have been."""
        return self._cache.outages

    # --- writing --------------------------------------------------------------------------------------------------

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        """Keep the record of a job that does not run, if the one in the table is still at `seen`."""
        return await self._keep_if_unchanged(record, self._table.write_if_unchanged(record, seen))

    async def submit(self, record: Record, message: JobMessage | None) -> Written | Conflict:
        """Keep the first record of a job, with its message, if the table holds none."""
        return await self._keep_if_unchanged(record, self._table.submit(record, message))

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        """Keep a claim, if the record in the table is still at `seen`.

        No tick may go before a claim that is not `Written`.
        """
        return await self._keep_if_unchanged(record, self._table.claim(record, seen, mark, message))

    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        """Keep the first record of a job's next run, if the final one in the table is still at `seen`."""
        return await self._keep_if_unchanged(record, self._table.begin_run(record, seen))

    async def found_in_table(self, record: Record) -> None:
        """Do what follows a write to the table, for a record that was seen there: the answer to it was lost."""
        self._cache.table_answered(record, WriteResult.APPLIED)
        await self._cache.write(record)

    async def tick(self, record: Record) -> WriteResult:
        """Keep the record where it is fastest. STALE: the job is no longer ours."""
        if self._cache.tick_store is None:
            result = await self.checkpoint(record)
            self._cache.failed_over()
            return result
        with metrics.PROGRESS_DURATION.time():
            cached = await self._cache.write(record)
            if cached is not None:
                return cached
            result = await self._answered(record, self._table.write(record))
            self._cache.failed_over()
            return result

    async def checkpoint(self, record: Record) -> WriteResult:
        """Keep the record in the table, whose verdict counts, then in the cache if that serves."""
        return await self._keep(record, self._table.write(record))

    async def commit(self, record: Record) -> WriteResult:
        """Do what `checkpoint` does, for a record that the job waits for: before its uploads, and at its end.

        SAME as the answer to a second try means that the first one got through.
        """
        return await self._keep(record, self._table.commit(record))

    async def look_up(self, record: Record) -> bool:
        """Ask the table whether it holds this very record, whose write was not answered. The cache gets it then.

        Raises StoreUnavailableError where the table cannot be asked.
        """
        try:
            state = await self._table.state(record.job_id)
        except UnreadableRecordError:
            return False
        if state is None or _named(state.record) != _named(record):
            return False
        await self.found_in_table(record)
        return True

    async def share(self, record: Record) -> None:
        """Write a final record of the table to the cache: its writer may have died before it did so."""
        await self._cache.write(record)

    def attempt_ended(self, job_id: str) -> None:
        """Note that the attempt writes no more, whether its end could be recorded or not."""
        self._cache.attempt_ended(job_id)

    async def _keep_if_unchanged(
        self, record: Record, write: Coroutine[Any, Any, Written | Conflict]
    ) -> Written | Conflict:
        with metrics.PROGRESS_DURATION.time():
            result = await self._asked(write)
            if isinstance(result, Written):
                await self.found_in_table(record)
            return result

    async def _keep(self, record: Record, write: Coroutine[Any, Any, WriteResult]) -> WriteResult:
        with metrics.PROGRESS_DURATION.time():
            result = await self._answered(record, write)
            if result is not WriteResult.STALE:
                await self._cache.write(record)
            return result

    async def _answered(self, record: Record, write: Coroutine[Any, Any, WriteResult]) -> WriteResult:
        """What the table says to the write of the record."""
        with metrics.ProgressWrite(self._table.name) as measured:
            result = await self._asked(write)
            measured.outcome = result.value
        self._cache.table_answered(record, result)
        return result

    async def _asked(self, write: Coroutine[Any, Any, T]) -> T:
        try:
            return await write
        except UnreadableRecordError:  # it did answer
            raise
        except StoreUnavailableError:
            self._on_table_failure()
            raise


def _named(record: Record) -> tuple[object, ...]:
    """What tells the record from every other one."""
    return record.version, record.worker, record.status
