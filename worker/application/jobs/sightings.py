"""Since when this worker has seen the claims of others as they are now."""

from __future__ import annotations

import asyncio

from worker.domain.progress import Record, Status, Version

MOST = 10_000  # jobs whose claims are remembered


class Sightings:
    """Remembers the version in which a claim was first seen, and the loop's time then.

    The date in a claim is by its holder's clock, which may be wrong, as may this worker's. That a claim does not
    change is seen without any clock but the loop's, which only counts
    (https://aws.amazon.com/blogs/database/building-distributed-locks-with-the-dynamodb-lock-client/).
    """

    def __init__(self) -> None:
        self._first: dict[str, tuple[Version, float]] = {}  # by job id, the latest at the end

    def unchanged_seconds(self, record: Record | None) -> float:
        """For how long this worker has seen the job's claim at this version; 0 for what is no claim."""
        if record is None:
            return 0.0
        version, seen_at = self._first.pop(record.job_id, (None, 0.0))
        if record.status is not Status.RUNNING:
            return 0.0
        now = asyncio.get_running_loop().time()
        if version != record.version:
            seen_at = now
        self._first[record.job_id] = record.version, seen_at
        if len(self._first) > MOST:
            del self._first[next(iter(self._first))]
        return now - seen_at
