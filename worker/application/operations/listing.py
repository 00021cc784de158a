"""Which jobs there are, the newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime

from worker.domain.progress import Status
from worker.ports import JobIndex, ListedJob


async def newest_jobs(
    index: JobIndex, statuses: Collection[Status], *, since: datetime | None, limit: int
) -> Sequence[ListedJob]:
    """The jobs that came last to one of the statuses, at `since` or later; the newest first, at most so many.

    Raises NoIndexError, NotAllowedError, DependencyUnavailableError.
    """
    lists = await asyncio.gather(*(index.newest(status, since, limit) for status in statuses))
    return sorted((job for jobs in lists for job in jobs), key=lambda job: job.status_at, reverse=True)[:limit]
