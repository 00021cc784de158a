"""One job of a delivery: claimed and run, or found to be held, done, cancelled or hopeless."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from structlog.contextvars import bound_contextvars

from worker import metrics
from worker.application.consuming.work import Work
from worker.application.jobs.attempt import Attempt, JobLimits
from worker.application.jobs.cancellation import CancelWatch
from worker.application.jobs.conversion import Conversion
from worker.application.progress.failover import FailoverStore
from worker.application.progress.job_progress import JobProgress
from worker.application.progress.reporter import Reporter
from worker.domain.claim import Cancel, ClaimDecision, Exhausted, JobState, Skip, Start, Wait, decide
from worker.domain.disposition import RETRY_BACKOFF, Ack, Disposition, Reject, Release, Retry
from worker.domain.errors import (
    InternalError,
    InvalidMessageError,
    JobCancelledError,
    JobError,
    RecordedError,
    TooManyAttemptsError,
)
from worker.domain.job import Job
from worker.domain.meter import Speeds
from worker.domain.progress import OutputRecord, Record, Stage, Status, Version, failed, first_record
from worker.events import Event, emit
from worker.ports import Conflict, Delivery, JobTable, StoreUnavailableError, Written

_SOON_SECONDS = 1.0
_CLAIMS = 2  # of one delivery: beyond that, somebody else is at the same job


class JobClaimer:
    """Takes jobs; one object for all of them. What its arguments mean is said at `Handler`."""

    def __init__(
        self,
        store: FailoverStore,
        conversion: Conversion,
        limits: JobLimits,
        *,
        table: JobTable,
        cancels: CancelWatch,
        worker: str,
        now: Callable[[], datetime],
        random: Callable[[], float],
        over_job: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._store = store
        self._conversion = conversion
        self._limits = limits
        self._table = table
        self._cancels = cancels
        self._worker = worker
        self._now = now
        self._random = random
        self._over_job = over_job
        self._speeds = Speeds()
        self._at_work: dict[str, int | None] = {}  # the attempt, by job id; None before the claim is won

    async def take(self, job: Job, work: Work) -> Disposition:
        """Claim the job and run it, or find out why not. Raises nothing but CancelledError."""
        if job.job_id in self._at_work:  # by another message: of the same millisecond it has the same fence
            attempt = self._at_work[job.job_id]
            if attempt is None:  # for a lease, both might be hidden, and come back together again and again
                return self._defer(_SOON_SECONDS, "another delivery is looking at it just now", None)
            return self._defer(self._limits.lease_seconds, "running here already", attempt)
        self._at_work[job.job_id] = None
        try:
            return await self._take(job, work)
        except StoreUnavailableError as error:
            return self._defer(RETRY_BACKOFF.delay(1, self._random()), error.reason, None)
        finally:
            del self._at_work[job.job_id]

    async def refuse(self, error: InvalidMessageError, fence: int) -> Disposition:
        """A message that is no job is never retried. Its record says so, unless there is a job of that name."""
        if error.job_id is not None:
            record = first_record(error.job_id, None, (), self._now())
            try:
                await self._store.write_if_unchanged(failed(record, error, Version(fence, 1), self._now()), None)
            except StoreUnavailableError as unavailable:
                emit(Event.PROGRESS_WRITE_FAILED, reason=unavailable.reason, status=Status.FAILED.value, seq=1)
        return Reject(error, error.job_id)

    async def _take(self, job: Job, work: Work) -> Disposition:
        """Raises StoreUnavailableError: nothing starts without a claim."""
        standing = None  # most jobs are new, so the claim itself is the look: one in the way is shown by its refusal
        if work.delivery.receive_count > 1:
            standing = await self._table.state(job.job_id)
        for _ in range(_CLAIMS):
            current = None if standing is None else standing.record
            decision = self._decide(standing, work.delivery.fence)
            if not isinstance(decision, Start):
                return await self._without_start(job, current, decision, work.delivery)
            claimed_at = asyncio.get_running_loop().time()  # not after the record is dated: others go by that
            record = self._claim_record(job, current, decision.attempt, decision.version)
            written = await self._store.write_if_unchanged(record, None if current is None else current.version)
            if isinstance(written, Written):
                self._at_work[job.job_id] = record.attempt
                with work.log_context(attempt=record.attempt):
                    return await self._unless_cancelled(job, work, await self._attempt(job, record, work, claimed_at))
            standing = written.state
        return self._defer(
            _SOON_SECONDS,
            "claimed by another delivery just now",
            None if standing is None else standing.record.attempt,
        )

    async def _without_start(
        self, job: Job, current: Record | None, decision: Skip | Wait | Cancel | Exhausted, delivery: Delivery
    ) -> Disposition:
        match decision:
            case Skip(record):
                return await self._skip(job, record, delivery)
            case Wait(delay_seconds):
                return self._defer(
                    delay_seconds, "held by another delivery", None if current is None else current.attempt
                )
            case Cancel(record, version):
                return await self._conclude(job, record, JobCancelledError(), record.attempt, version)
            case Exhausted(attempts, version, crashes):
                return await self._conclude(job, current, TooManyAttemptsError(attempts, crashes), attempts, version)

    def _decide(self, standing: JobState | None, fence: int) -> ClaimDecision:
        return decide(
            None if standing is None else standing.record,
            fence=fence,
            now=self._now(),
            lease_seconds=self._limits.lease_seconds,
            max_attempts=self._limits.max_attempts,
            crashes=0 if standing is None else standing.crashes,
            is_cancel_requested=standing is not None and standing.is_cancel_requested,
        )

    async def _skip(self, job: Job, record: Record, delivery: Delivery) -> Disposition:
        emit(Event.JOB_DUPLICATE_SKIPPED, status=record.status.value, attempt=record.attempt)
        metrics.count_attempt("skipped")
        await self._store.share(record)
        if record.status is Status.FAILED and delivery.has_written(record.version):
            # A worker that died before it could reject the message, or a message with other jobs that went on.
            return Reject(_recorded(record), record.job_id, record.attempt)
        if record.status is Status.CANCELLED:  # between two attempts, of which the first may have published something
            await self._conversion.retract(job)
        return Ack()

    async def _unless_cancelled(self, job: Job, work: Work, disposition: Disposition) -> Disposition:
        """A request that came while the attempt was ending: there may be no other delivery for a long time."""
        if not isinstance(disposition, Retry | Release):
            return disposition
        try:
            decision = self._decide(await self._table.state(job.job_id), work.delivery.fence)
        except StoreUnavailableError:
            return disposition
        if not isinstance(decision, Cancel):
            return disposition
        record = decision.record
        return await self._conclude(job, record, JobCancelledError(), record.attempt, decision.version)

    def _claim_record(self, job: Job, current: Record | None, attempt: int, version: Version) -> Record:
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

    @staticmethod
    def _defer(delay_seconds: float, reason: str, attempt: int | None) -> Retry:
        """Look again later; `attempt` is the one that goes on meanwhile, where that is known."""
        emit(Event.JOB_DEFERRED, delay_seconds=round(delay_seconds, 1), reason=reason, attempt=attempt)
        metrics.count_attempt("deferred")
        return Retry(delay_seconds)

    async def _conclude(
        self, job: Job, current: Record | None, error: JobError, attempts: int, version: Version
    ) -> Disposition:
        """Record the end of a job that is not started again."""
        record = self._claim_record(job, current, attempts, version)
        if current is not None:
            record = replace(record, percent=current.percent)
        record = failed(record, error, version, self._now())
        seen = None if current is None else current.version
        if isinstance(await self._store.write_if_unchanged(record, seen), Conflict):
            return self._defer(_SOON_SECONDS, "claimed by another delivery just now", attempts)
        metrics.count_attempt(record.status.value, error.code.value)
        with bound_contextvars(attempt=attempts):
            if record.status is Status.CANCELLED:
                emit(Event.JOB_CANCELLED, stage=None, percent=record.percent)
                await self._conversion.retract(job)
                return Ack()
            emit(Event.JOB_FAILED, error_code=error.code.value, error=str(error), retryable=error.retryable)
            return Reject(error, job.job_id, attempts)

    async def _attempt(self, job: Job, record: Record, work: Work, claimed_at: float) -> Disposition:
        """Run the claimed job and have its end recorded."""
        queued_seconds = self._now().timestamp() - work.delivery.sent_at_ms / 1000
        emit(
            Event.JOB_STARTED,
            source=record.source,
            outputs=[str(output.target) for output in job.outputs],
            queued_seconds=round(max(queued_seconds, 0.0), 3),
        )
        progress = JobProgress(self._speeds)
        reporter = Reporter(
            self._store, record, progress, now=self._now, random=self._random, lease_seconds=self._limits.lease_seconds
        )
        attempt = Attempt(
            job,
            record,
            work,
            reporter,
            self._conversion,
            self._limits,
            progress,
            self._cancels,
            claimed_at=claimed_at,
            now=self._now,
            random=self._random,
        )
        try:
            with self._over_job():
                return await attempt.run()
        finally:
            self._store.attempt_ended(job.job_id)


def _recorded(record: Record) -> JobError:
    info = record.error
    return InternalError() if info is None else RecordedError(info.code, info.message)
