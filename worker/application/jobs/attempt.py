"""One real start of a job, from its claim to the record of its end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker import metrics
from worker.application.consuming.execution import Execution
from worker.application.consuming.work import Work
from worker.application.jobs.cancellation import CancelWatch
from worker.application.jobs.conversion import Conversion
from worker.application.progress.job_progress import JobProgress
from worker.application.progress.reporter import Reporter
from worker.domain.disposition import RETRY_BACKOFF, Ack, Disposition, Forfeit, Reject, Release, Retry, disposition_of
from worker.domain.errors import (
    ConversionTimeoutError,
    DependencyUnavailableError,
    InternalError,
    JobError,
    LeaseLostError,
    StalledError,
)
from worker.domain.job import Job
from worker.domain.progress import OutputRecord, Record
from worker.events import Event, emit
from worker.ports import StoreUnavailableError

# How long a failed or released job may try to have its end recorded, before the message is given back as it is.
_LAST_WORD_SECONDS = 30.0
_JUST_CLAIMED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How long and how often a job may run. Times in seconds."""

    lease_seconds: float
    job_timeout_seconds: float
    stall_seconds: float
    max_attempts: int


class Attempt:
    """Does the job of a claimed record, and turns whatever ends it into a disposition.

    `claimed_at` is the loop's time before the claim was dated and asked for.
    """

    def __init__(
        self,
        job: Job,
        record: Record,
        work: Work,
        reporter: Reporter,
        conversion: Conversion,
        limits: JobLimits,
        progress: JobProgress,
        cancels: CancelWatch,
        *,
        claimed_at: float,
        now: Callable[[], datetime],
        random: Callable[[], float],
    ) -> None:
        self._job = job
        self._record = record
        self._work = work
        self._execution = Execution()
        self._reporter = reporter
        self._conversion = conversion
        self._limits = limits
        self._cancels = cancels
        self._claimed_at = claimed_at
        self._now = now
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._progress = progress
        self._outputs: tuple[OutputRecord, ...] = ()

    async def run(self) -> Disposition:
        """Raises nothing but CancelledError."""
        try:
            with self._work.running(self._execution, self._progress):
                await self._execution.run(self._body(), name=f"job {self._job.job_id}")
        except Exception as error:  # noqa: BLE001 - the one place where everything that can go wrong ends
            return await self._end(error)
        self._completed()
        return Ack()

    async def _body(self) -> None:
        execution = self._execution
        limit = self._limits.job_timeout_seconds
        timeout = self._loop.call_later(limit, execution.stop, ConversionTimeoutError(limit))
        try:
            async with (
                execution.accompanied_by(self._reporter.run(), name=f"progress of {self._job.job_id}"),
                execution.accompanied_by(self._watch(), name=f"stall watch of {self._job.job_id}"),
            ):
                with self._cancels.over(self._job.job_id, execution):
                    self._outputs = await self._conversion.run(
                        self._job, self._progress, before_upload=self._before_upload
                    )
                await self._reporter.complete(self._outputs)
        finally:
            timeout.cancel()

    async def _before_upload(self) -> None:
        await self._hold_claim()
        if self._record.attempt > 1:  # not at the first: another job's upload to the same target would be ended
            await self._conversion.drop_unfinished(self._job)

    async def _hold_claim(self) -> None:
        """Targets are published by the holder of the claim only: a durable write that is refused to all others.

        One that took as long as a claim lives says nothing of now: the process may have been stopped meanwhile.
        A claim of the last second is that write: nobody takes one over that is younger than a lease.
        """
        if self._loop.time() - self._claimed_at < _JUST_CLAIMED_SECONDS:
            return
        is_ours = False
        while not is_ours:
            asked_at = self._loop.time()
            await self._reporter.checkpoint()
            is_ours = self._loop.time() - asked_at < self._limits.lease_seconds

    async def _watch(self) -> None:
        """Raises StalledError when nothing has moved for too long: no lease keeps a hung job alive."""
        limit = self._limits.stall_seconds
        # In absolute times: a rest that is lost beside the clock's own digits would make this turn without sleeping.
        while (now := self._loop.time()) < (due := self._progress.moved_at + limit):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(due - now)
        raise StalledError(limit)

    def _completed(self) -> None:
        measured = self._measured()
        emit(Event.JOB_COMPLETED, **measured)
        metrics.count_attempt("completed")
        for stage, seconds in {**measured["stage_seconds"], "total": measured["duration_seconds"]}.items():
            metrics.JOB_DURATION.labels(stage=stage).observe(seconds)
        metrics.SOURCE_BYTES.inc(measured["source_bytes"])
        metrics.OUTPUT_BYTES.inc(measured["output_bytes"])
        metrics.AUDIO_SECONDS.inc(measured["audio_seconds"] or 0)

    async def _end(self, error: Exception) -> Disposition:
        disposition = disposition_of(
            error,
            job_id=self._job.job_id,
            attempt=self._record.attempt,
            max_attempts=self._limits.max_attempts,
            random=self._random(),
            seconds_left=self._seconds_left(),
        )
        try:
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                await self._record_end(error, disposition)
        except LeaseLostError as lost:
            error, disposition = lost, Forfeit()
        except (TimeoutError, StoreUnavailableError, DependencyUnavailableError):
            if isinstance(disposition, Reject | Ack):
                # The end is not known to anybody yet: the message must come back, whatever it says of itself.
                disposition = Retry(RETRY_BACKOFF.delay(1, self._random()))
        self._announce(error, disposition)
        return disposition

    def _seconds_left(self) -> float:
        """Until the queue drops the message."""
        expires_at_ms = self._work.delivery.expires_at_ms
        return math.inf if expires_at_ms is None else expires_at_ms / 1000 - self._now().timestamp()

    async def _record_end(self, error: Exception, disposition: Disposition) -> None:
        code = error if isinstance(error, JobError) else InternalError()
        match disposition:
            case Ack():
                await self._retract()
                await self._reporter.fail(code)
            case Reject():
                await self._reporter.fail(code)
            case Retry():
                await self._reporter.requeue(code)
            case Release():
                await self._reporter.requeue(None, counted=False)
            case Forfeit():
                pass

    async def _retract(self) -> None:
        """A cancelled job leaves no output behind, of an earlier start either: one that was released is not counted.

        What is there is ours to delete only while the job is.
        """
        await self._reporter.checkpoint()
        await self._conversion.retract(self._job)

    def _announce(self, error: Exception, disposition: Disposition) -> None:
        reached = self._progress.snapshot()
        where: dict[str, Any] = {"stage": reached.stage.value, "percent": reached.percent}
        match disposition:
            case Ack():
                emit(Event.JOB_CANCELLED, **where)
                status = "cancelled"
            case Reject():
                emit(Event.JOB_FAILED, **self._failure(error))
                status = "failed"
            case Retry(delay_seconds):
                emit(Event.JOB_RETRIED, delay_seconds=round(delay_seconds, 1), **self._failure(error))
                status = "retried"
            case Release():
                emit(Event.JOB_RELEASED, **where)
                status = "released"
            case _:
                emit(Event.LEASE_LOST, reason=str(error))
                status = "lost"
        code = error.code.value if isinstance(error, JobError) else ""
        metrics.count_attempt(status, code)

    def _failure(self, error: Exception) -> dict[str, Any]:
        known = error if isinstance(error, JobError) else InternalError()
        fields = {
            "error_code": known.code.value,
            "error": str(known),
            "stage": self._progress.snapshot().stage.value,
            "retryable": known.retryable,
            **self._measured(),
        }
        if known is not error:
            fields["exception"] = error  # a bug: the log gets the traceback, the record does not
        return fields

    def _measured(self) -> dict[str, Any]:
        return {**self._progress.measured(), "output_bytes": sum(output.bytes or 0 for output in self._outputs)}
