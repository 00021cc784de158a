"""One job of a delivery: claimed and run, or found to be claimed, final, cancelled or beyond its attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace

from worker import usage
from worker.application.consuming.slots import Slots
from worker.application.consuming.work import Work
from worker.application.jobs.attempt import Claim
from worker.application.jobs.claims import JobClaims
from worker.application.jobs.finisher import Finished, JobFinisher
from worker.application.jobs.job_runner import JobRunner
from worker.application.jobs.job_runs import JobRuns
from worker.domain.claim import Cancel, Exhausted, JobState, NextRun, Skip, Start, Wait
from worker.domain.errors import ShutdownError, TooManyAttemptsError
from worker.domain.job import Job
from worker.domain.outcome import (
    Cancelled,
    Deferred,
    Ending,
    Failed,
    Lost,
    NotBegun,
    Outcome,
    Released,
    Unpublished,
    WillRetry,
)
from worker.domain.progress import FIRST_RUN, Record, Status, Version
from worker.domain.restart import restart_after
from worker.ports import Delivery, StoreUnavailableError

_SOON_SECONDS = 1.0
_LOOK_SECONDS = 1.0  # a worker that stops has seconds, and the next delivery looks again
_TRIES = 3  # a run that begins, a claim that is refused, another one: beyond that, others are at the same job


class JobClaimer:
    """Claims jobs and has them run; one object for all of them. A job runs inside `protected_job`.

    A job that is suspect waits until nothing else runs in the `slots`, and is claimed then.
    """

    def __init__(
        self,
        claims: JobClaims,
        runner: JobRunner,
        finisher: JobFinisher,
        runs: JobRuns,
        slots: Slots,
        *,
        protected_job: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._claims = claims
        self._runner = runner
        self._finisher = finisher
        self._runs = runs
        self._slots = slots
        self._protected_job = protected_job
        self._at_work: dict[str, int | None] = {}  # the attempt, by job id; None before the claim is won

    async def handle(self, job: Job, work: Work) -> Ending:
        """Claim the job and run it, or find out why not. Raises nothing but CancelledError."""
        if job.job_id in self._at_work:  # for another message: one of the same millisecond has the same fence
            attempt = self._at_work[job.job_id]
            if attempt is None:  # put off for a lease, both might come back together again and again
                return self._defer(_SOON_SECONDS, "another delivery is claiming it just now")
            delay_seconds = self._claims.delay_while_it_runs(self._claims.lease_seconds, work.delivery)
            return self._defer(delay_seconds, "running here already", attempt)
        self._at_work[job.job_id] = None
        try:
            with usage.of_job():
                return await self._claim(job, work)
        except StoreUnavailableError as error:
            return self._finisher.put_off(work.delivery, error)
        finally:
            del self._at_work[job.job_id]

    async def _claim(self, job: Job, work: Work) -> Ending:
        """Decide what to do with the job, and do it. Raises StoreUnavailableError: nothing starts without a claim."""
        delivery = work.delivery
        state = None  # most jobs are new, so no read comes first: a record in the way is shown by the refused claim
        if delivery.receive_count > 1 or delivery.rejected_run is not None:
            state = await self._claims.state(job.job_id)
        for _ in range(_TRIES):
            decision = self._claims.decide(state, delivery.fence, delivery.rejected_run)
            if isinstance(decision, NextRun):
                state = await self._runs.begin_next(decision.state)
                continue
            if not isinstance(decision, Start):
                return await self._without_start(job, None if state is None else state.record, decision, delivery)
            result = await self._start(job, state, decision, work)
            if not isinstance(result, JobState):
                return result
            state = result
        attempt = None if state is None else state.record.attempt
        return self._defer(_SOON_SECONDS, "claimed by another delivery just now", attempt)

    async def _start(self, job: Job, state: JobState | None, start: Start, work: Work) -> Ending | JobState:
        """Claim the job and run it, a suspect alone. Returns its state where that has changed meanwhile."""
        if not start.is_suspect:
            if self._slots.is_reserved:
                return self._defer(_SOON_SECONDS, "a job that may crash the worker runs alone here")
            with self._slots.beside_others():
                return await self._run_if_claimed(job, state, start, work)
        try:
            async with self._slots.alone():
                return await self._run_if_claimed(job, state, start, work)
        except ShutdownError:
            return self._not_begun(work)

    async def _run_if_claimed(self, job: Job, state: JobState | None, start: Start, work: Work) -> Ending | JobState:
        if work.stop_reason is not None:  # a claim would count as a start, and nothing would be started
            return self._not_begun(work)
        claim = await self._claims.claim(job, state, start, work.delivery)
        if not isinstance(claim, Claim):
            return claim.state
        if work.lease.is_lost:  # while the claim was asked for
            await self._claims.give_back(claim)
            return self._not_begun(work)
        return await self._run(claim, work)

    def _not_begun(self, work: Work) -> Ending:
        return self._finisher.pass_over(NotBegun(is_lost=work.lease.is_lost))

    async def _without_start(
        self, job: Job, current: Record | None, decision: Skip | Wait | Cancel | Exhausted, delivery: Delivery
    ) -> Ending:
        match decision:
            case Skip(record):
                return await self._finisher.skip(job, record, delivery)
            case Wait(delay_seconds):
                attempt = None if current is None else current.attempt
                delay_seconds = self._claims.delay_while_it_runs(delay_seconds, delivery)
                return self._defer(delay_seconds, "claimed by another delivery", attempt)
            case Cancel(record, version):
                return await self._finish(job, record, Cancelled(), record.attempt, version)
            case Exhausted(attempts, version, crashes):
                run = FIRST_RUN if current is None else current.run
                failed = Failed(TooManyAttemptsError(attempts, crashes), attempts, run, restart_after(current))
                return await self._finish(job, current, failed, attempts, version)

    async def _run(self, claim: Claim, work: Work) -> Ending:
        self._at_work[claim.job.job_id] = claim.record.attempt
        with work.log_context(attempt=claim.record.attempt):
            with self._protected_job():
                outcome = await self._runner.run(claim, work)
            if isinstance(outcome, Lost):
                await self._claims.give_back(claim, outcome)
                await self._take_back_if_cancelled(claim.job)
            return await self._unless_cancelled(claim.job, work.delivery, outcome)

    async def _take_back_if_cancelled(self, job: Job) -> None:
        """Delete what this worker has published since another one has cancelled the job.

        It may have stood still over an upload. A job table that does not answer leaves it to the next delivery.
        """
        with suppress(TimeoutError, StoreUnavailableError):
            async with asyncio.timeout(_LOOK_SECONDS):
                state = await self._claims.state(job.job_id)
            if state is not None and state.record.status is Status.CANCELLED:
                await self._finisher.retract(job, state.record)

    async def _unless_cancelled(self, job: Job, delivery: Delivery, outcome: Outcome | Unpublished) -> Ending:
        """End the job where a request to cancel came while its attempt ended: the next delivery may be far away."""
        if not isinstance(outcome, WillRetry | Released):
            return outcome
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                decision = self._claims.decide(await self._claims.state(job.job_id), delivery.fence)
        except (TimeoutError, StoreUnavailableError):
            return outcome
        if not isinstance(decision, Cancel):
            return outcome
        return await self._finish(job, decision.record, Cancelled(), decision.record.attempt, decision.version)

    async def _finish(
        self, job: Job, current: Record | None, ending: Failed | Cancelled, attempt: int, version: Version
    ) -> Ending:
        """End a job that is not started again."""
        record = self._claims.record_of(job, current, attempt, version)
        if current is not None:
            record = replace(record, percent=current.percent)
        result = await self._finisher.finish(ending, record, None if current is None else current.version, job)
        if isinstance(result, Finished):
            return result.ending
        return self._defer(_SOON_SECONDS, "claimed by another delivery just now", attempt)

    def _defer(self, delay_seconds: float, reason: str, attempt: int | None = None) -> Ending:
        """Put the message off. `attempt` is the one that goes on meanwhile, where that is known."""
        return self._finisher.pass_over(Deferred(delay_seconds, reason, attempt))
