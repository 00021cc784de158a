"""The state of the progress stores, for a process that writes no ticks: they are asked every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from worker.application.progress.guarded_cache import CacheState
from worker.application.progress.outages import Outage, Outages
from worker.events import Event, emit
from worker.ports import JobTable, ProgressCache, StoreUnavailableError

_CACHE_SECONDS = 2.0
_TABLE_SECONDS = 5.0
_NO_JOB = "/probe"  # no job has this id
_FAILURES = 2  # in a row, before the table counts as out of reach: one slow answer changes nothing


class StoreWatch:
    """Asks the stores over connections of its own. What it knows can be read at any time, and never waits."""

    def __init__(self, table: JobTable, cache: ProgressCache | None, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self._cache = cache
        self._outages = None if cache is None else Outages(cache.endpoint, moves_ticks=False, now=now)
        self._cache_has_answered = False
        self._table_failures = _FAILURES
        self._table_failed_at: float | None = None
        self.table_problem: str | None = "was not asked yet"

    @property
    def cache_name(self) -> str | None:
        """The name of the cache; None where there is none."""
        return None if self._cache is None else self._cache.name

    @property
    def progress_store(self) -> str:
        """The name of the store that answers for running jobs."""
        return self._table.name if self._cache is None or self.cache_state != "connected" else self._cache.name

    @property
    def cache_state(self) -> CacheState:
        if self._outages is None:
            return "disabled"
        return "connected" if self._cache_has_answered and self._outages.current is None else "unavailable"

    @property
    def outage(self) -> Outage | None:
        """The outage of the cache that goes on."""
        return None if self._outages is None else self._outages.current

    @property
    def outages(self) -> int:
        """How many outages of the cache there have been."""
        return 0 if self._outages is None else self._outages.count

    @property
    def has_table(self) -> bool:
        """Whether the job table answers."""
        return self._table_failures < _FAILURES

    async def run(self) -> None:
        """Ask for ever."""
        if self._cache is None:
            emit(Event.REDIS_DISABLED)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_table())
            if self._cache is not None and self._outages is not None:
                tasks.create_task(self._watch_cache(self._cache, self._outages))

    async def _watch_cache(self, cache: ProgressCache, outages: Outages) -> None:
        while True:
            began_at = _time()
            try:
                await cache.probe()
            except Exception as failure:  # noqa: BLE001 - the watch never ends by an error
                outages.begin(_reason(failure), _time() - began_at)
                outages.announce(0)
            else:
                if not self._cache_has_answered or outages.current is not None:
                    outages.end(_time() - began_at, 0)
                self._cache_has_answered = True
            await asyncio.sleep(_CACHE_SECONDS)

    async def _watch_table(self) -> None:
        while True:
            try:
                await self._table.read(_NO_JOB)
            except Exception as failure:  # noqa: BLE001 - the watch never ends by an error
                self._table_failed(_reason(failure))
            else:
                self._table_answered()
            await asyncio.sleep(_TABLE_SECONDS)

    def _table_failed(self, reason: str) -> None:
        self._table_failures += 1
        if self._table_failures >= _FAILURES and self._table_failed_at is None:
            self._table_failed_at = _time()
            emit(Event.DYNAMODB_UNAVAILABLE, error=reason)
        self.table_problem = reason

    def _table_answered(self) -> None:
        if self._table_failed_at is not None:
            seconds = round(_time() - self._table_failed_at, 3)
            emit(Event.DYNAMODB_AVAILABLE, outage_seconds=seconds, jobs_put_off=0)
        self._table_failures, self._table_failed_at, self.table_problem = 0, None, None


def _reason(failure: Exception) -> str:
    return failure.reason if isinstance(failure, StoreUnavailableError) else type(failure).__name__


def _time() -> float:
    return asyncio.get_running_loop().time()
