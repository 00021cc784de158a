"""Which jobs there are, the newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from worker.domain.progress import Status
from worker.ports import JobIndex, ListedJob, ListPosition

Positions = Mapping[Status, ListPosition]


async def newest_jobs(
    index: JobIndex,
    statuses: Collection[Status],
    *,
    since: datetime | None,
    limit: int,
    after: Positions | None = None,
) -> Sequence[ListedJob]:
    """The jobs that came to their status, one of these, at `since` or later: the last first, at most `limit`.

    `after` is what `positions_after` returned for the jobs before these.

    Raises NoIndexError, NotAllowedError, DependencyUnavailableError.
    """
    begin = after or {}
    lists = await asyncio.gather(*(index.newest(status, since, limit, after=begin.get(status)) for status in statuses))
    return sorted((job for jobs in lists for job in jobs), key=lambda job: job.status_at, reverse=True)[:limit]


def positions_after(jobs: Sequence[ListedJob], before: Positions | None = None) -> Positions:
    """Where the next page begins: behind the last job of each status, in `jobs` or in the pages before it."""
    return {**(before or {}), **{job.record.status: job.position for job in jobs}}
