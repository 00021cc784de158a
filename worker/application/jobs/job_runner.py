"""One attempt at a claimed job, from its start to the record of its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from worker.application.consuming.execution import Execution
from worker.application.consuming.work import Work
from worker.application.jobs.announcement import announce_start
from worker.application.jobs.attempt import Attempt, Claim, JobLimits
from worker.application.jobs.cancel_watch import CancelWatch
from worker.application.jobs.conversion import Conversion
from worker.application.jobs.finisher import JobFinisher
from worker.application.progress.job_progress import JobProgress
from worker.application.progress.reporter import Reporters
from worker.domain.errors import ConversionTimeoutError, LeaseLostError, ShutdownError, StalledError, WorkerError
from worker.domain.meter import Speeds
from worker.domain.outcome import Lost, MessageAge, Outcome, Unpublished, outcome_of
from worker.domain.progress import FIRST_RUN
from worker.ports import Delivery

_JUST_CLAIMED_SECONDS = 1.0
# How long a worker that stops tries to have the end of an attempt recorded. The message has to be given back after it.
_LAST_WORD_SECONDS = 5.0
_LAST_WORD_SHARE = 0.5  # of the time that is left


class JobRunner:
    """Runs claimed jobs; one object for all of them. `random` gives numbers in [0, 1)."""

    def __init__(
        self,
        conversion: Conversion,
        reporters: Reporters,
        cancels: CancelWatch,
        finisher: JobFinisher,
        limits: JobLimits,
        *,
        random: Callable[[], float],
    ) -> None:
        self._conversion = conversion
        self._reporters = reporters
        self._cancels = cancels
        self._finisher = finisher
        self._limits = limits
        self._random = random
        self._speeds = Speeds()

    async def run(self, claim: Claim, work: Work) -> Outcome | Unpublished:
        """Run the job and have its end recorded. Raises nothing but CancelledError."""
        announce_start(claim)
        progress = JobProgress(self._speeds)
        with self._reporters.reporter_of(claim.record, progress) as reporter:
            return await self._finished(Attempt(claim, work, progress, reporter))

    async def _finished(self, attempt: Attempt) -> Outcome | Unpublished:
        work = attempt.work
        try:
            with work.running(attempt.execution, attempt.progress):
                return await attempt.execution.run(self._completed(attempt), name=f"job {attempt.claim.job.job_id}")
        except Exception as error:  # noqa: BLE001 - the one place where everything that can go wrong ends
            outcome = self._outcome_of(error, attempt.claim, work.delivery)
        return await self._recorded(attempt, outcome)

    async def _recorded(self, attempt: Attempt, outcome: Outcome) -> Outcome | Unpublished:
        """Have the end of the attempt recorded, however long the job table is away, while the message is ours.

        Given back before that, the message would meet a start without an end, which counts as the worker's death.
        Only a worker that stops cannot wait.
        """
        work = attempt.work
        if work.stop_reason is None:
            recording = Execution()
            try:
                with work.running(recording, attempt.progress):
                    return await recording.run(self._finisher.finish_attempt(attempt, outcome), name="end of a job")
            except LeaseLostError as loss:
                outcome = Lost(loss.reason)
            except WorkerError:  # the worker stops, or the twelve hours of the delivery are over
                pass
        seconds = _LAST_WORD_SECONDS
        if isinstance(work.stop_reason, ShutdownError):
            seconds = min(seconds, work.stop_reason.seconds_left * _LAST_WORD_SHARE)
        return await self._finisher.finish_attempt(attempt, outcome, within_seconds=seconds)

    def _outcome_of(self, error: Exception, claim: Claim, delivery: Delivery) -> Outcome:
        first_received_at_ms = delivery.first_received_at_ms or delivery.sent_at_ms
        return outcome_of(
            error,
            attempt=claim.record.attempt,
            run=claim.record.run,
            max_attempts=self._limits.max_attempts,
            random=self._random(),
            age=MessageAge(
                receives=delivery.receive_count,
                seconds=claim.record.updated_at.timestamp() - first_received_at_ms / 1000,
                seconds_left=claim.message_ends_at - asyncio.get_running_loop().time(),
            ),
        )

    async def _completed(self, attempt: Attempt) -> Outcome | Unpublished:
        """Convert, and record that it is done. Raises what ends the attempt otherwise."""
        job, execution = attempt.claim.job, attempt.execution
        async with execution.accompanied_by(attempt.reporter.run(), name=f"progress of {job.job_id}"):
            async with execution.accompanied_by(self._watch(attempt), name=f"time limits of {job.job_id}"):
                with self._cancels.cancellable(job.job_id, execution):
                    await self._drop_unfinished(attempt)  # whatever ends this attempt
                    completed = await self._conversion.run(
                        job,
                        attempt.progress,
                        before_upload=lambda: self._before_upload(attempt),
                        claimed=attempt.claim.record,
                    )
            # Without its time limits: a job table that is away is not the job's fault.
            return await self._finisher.finish_attempt(attempt, completed)

    async def _before_upload(self, attempt: Attempt) -> None:
        await self._confirm_claim(attempt)
        await self._drop_unfinished(attempt)  # again: the last worker may have stood still, and gone on meanwhile

    async def _drop_unfinished(self, attempt: Attempt) -> None:
        """Drop the incomplete multipart uploads of a worker that was killed over an earlier attempt."""
        record = attempt.claim.record
        if record.attempt > 1 or record.run > FIRST_RUN:  # a first one might abort other jobs' uploads to the targets
            await self._conversion.drop_unfinished(attempt.claim.job)

    async def _confirm_claim(self, attempt: Attempt) -> None:
        """Confirm by a write to the job table that the claim is held: only its holder publishes targets.

        A write that took as long as a claim lasts is done again: the process may have been stopped meanwhile, and the
        claim taken over. A claim that was written within the last second needs no write: nobody takes one over that
        is younger than a lease.
        """
        time = asyncio.get_running_loop().time
        if time() - attempt.claim.asked_at < _JUST_CLAIMED_SECONDS:
            return
        is_ours = False
        while not is_ours:
            asked_at = time()
            await attempt.reporter.checkpoint()
            is_ours = time() - asked_at < self._limits.lease_seconds

    async def _watch(self, attempt: Attempt) -> None:
        """Stop a job that hangs or takes too long, although its lease is renewed.

        Raises StalledError when nothing has moved for too long, ConversionTimeoutError when all takes too long.
        The time in which it waits for disk space counts for neither.
        """
        limits, progress, time = self._limits, attempt.progress, asyncio.get_running_loop().time
        while True:
            stalls_at = progress.moved_at + limits.stall_seconds
            ends_at = progress.worked_since + limits.job_timeout_seconds
            # Absolute times are compared: with a remainder below the clock's float precision this would loop for ever.
            now = time()
            if now >= ends_at:
                raise ConversionTimeoutError(limits.job_timeout_seconds)
            if now >= stalls_at:
                raise StalledError(limits.stall_seconds)
            await asyncio.sleep(min(stalls_at, ends_at) - now)
