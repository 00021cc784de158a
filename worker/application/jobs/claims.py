"""The claims of this worker: whether a delivery may start a job, and the record that says that it does."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime

from worker.application.jobs.finisher import JobRecords
from worker.application.jobs.run import Claim, JobLimits
from worker.domain.claim import ClaimDecision, JobState, Start, decide
from worker.domain.job import Job
from worker.domain.progress import OutputRecord, Record, Stage, Status, Version
from worker.ports import Conflict, Delivery, JobTable, Written


class JobClaims:
    """Decides about claims and writes them. `worker` is this process's name in records."""

    def __init__(
        self, table: JobTable, records: JobRecords, limits: JobLimits, *, worker: str, now: Callable[[], datetime]
    ) -> None:
        self._table = table
        self._records = records
        self._limits = limits
        self._worker = worker
        self._now = now

    @property
    def lease_seconds(self) -> float:
        """How long a claim lasts that is not renewed."""
        return self._limits.lease_seconds

    async def state(self, job_id: str) -> JobState | None:
        """What the job table has of the job. Raises StoreUnavailableError."""
        return await self._table.state(job_id)

    def decide(self, state: JobState | None, fence: int) -> ClaimDecision:
        """What a delivery with `fence` may do with a job in that state."""
        return decide(
            None if state is None else state.record,
            fence=fence,
            now=self._now(),
            lease_seconds=self._limits.lease_seconds,
            max_attempts=self._limits.max_attempts,
            crashes=0 if state is None else state.crashes,
            is_cancel_requested=state is not None and state.is_cancel_requested,
        )

    async def claim(self, job: Job, current: Record | None, start: Start, delivery: Delivery) -> Claim | Conflict:
        """Claim the job, whose record in the job table is `current`. Raises StoreUnavailableError."""
        asked_at = asyncio.get_running_loop().time()  # not after the record is dated: others go by that
        record = self.record_of(job, current, start.attempt, start.version)
        result = await self._records.write_if_unchanged(record, None if current is None else current.version)
        if not isinstance(result, Written):
            return result
        if delivery.expires_at_ms is None:
            return Claim(job, record, asked_at, math.inf)
        seconds_left = delivery.expires_at_ms / 1000 - record.updated_at.timestamp()
        return Claim(job, record, asked_at, asked_at + seconds_left)

    def record_of(self, job: Job, current: Record | None, attempt: int, version: Version) -> Record:
        """The record of the job as this worker begins it."""
        now = self._now()
        return Record(
            job_id=job.job_id,
            status=Status.RUNNING,
            stage=Stage.DOWNLOADING,
            percent=0.0,
            attempt=attempt,
            version=version,
            created_at=now if current is None else current.created_at,
            updated_at=now,
            worker=self._worker,
            source=str(job.source),
            outputs=tuple(OutputRecord(str(output.target)) for output in job.outputs),
        )
