"""The store that a worker writes its progress to."""

from __future__ import annotations

from collections.abc import Callable

from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache, NoCache
from worker.bootstrap.parts import utc_now
from worker.ports import JobTable, ProgressCache
from worker.settings import Settings


def failover_store(
    table: JobTable, cache: ProgressCache | None, settings: Settings, *, on_table_failure: Callable[[], None]
) -> FailoverStore:
    """The store that a worker writes its progress to."""
    guarded = NoCache() if cache is None else GuardedCache(cache, now=utc_now, mode=settings.progress_mode)
    return FailoverStore(table, guarded, on_table_failure=on_table_failure)
