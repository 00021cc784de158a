"""The one place where jobs end: the final record, the outputs that are taken back, the log line and the metrics.

The completion event is published here, too: after the record is in the job table, and before the message is settled.
That holds wherever a job ends: in an attempt, before a start (cancelled, given up, refused), and by the command line.
The final record of a job that does not run goes through both stores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from worker.application.jobs.completion_events import CompletionEvents
from worker.domain.claim import JobState
from worker.domain.disposition import RETRY_BACKOFF
from worker.domain.errors import (
    DependencyUnavailableError,
    InvalidMessageError,
    JobCancelledError,
    JobError,
    LeaseLostError,
)
from worker.domain.job import Job
from worker.domain.outcome import (
    Cancelled,
    Deferred,
    Ending,
    Failed,
    Ignored,
    Lost,
    NotBegun,
    Outcome,
    PutOff,
    Refused,
    Skipped,
    Unpublished,
    WillRetry,
    record_of,
)
from worker.domain.progress import Record, Status, Version, first_record
from worker.events import Event, bound, emit
from worker.ports import Conflict, Delivery, StoreUnavailableError, UnreadableRecordError, Written

if TYPE_CHECKING:  # a program that ends jobs without running them does not load what runs them
    from worker.application.jobs.attempt import Attempt

E = TypeVar("E", bound=Ending)
# The second argument is what has ended: an attempt, a job that did not run (its record), or nothing.
OnEnd = Callable[[Ending, "Attempt | Record | None"], None]


class FinalRecords(Protocol):
    """Where the final record of a job that does not run is written: the job table first, then the cache."""

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        """Keep the record in the job table, if the one there is still at `seen`; then in the cache, where it answers.

        Raises StoreUnavailableError: the job table may have kept the record.
        """

    async def share(self, record: Record) -> None:
        """Bring the cache up to a record of the job table, where it answers. Raises nothing."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The final record of a job that did not run, and the ending of its delivery."""

    record: Record
    ending: Ending


class Outputs(Protocol):
    """The targets of jobs."""

    async def retract(self, job: Job, run: int, until: Version) -> None:
        """Delete what the job has published up to that run, and do what the other two methods do. Raises nothing."""

    async def drop_unfinished(self, job: Job) -> None:
        """Drop the incomplete multipart uploads that a killed worker has left. Raises nothing."""

    async def drop_hidden(self, job: Job, until: Version) -> None:
        """Delete what attempts that were claimed up to that version have left where nobody sees it. Raises nothing.

        The version stands in the job table.
        """


class JobFinisher:
    """Ends jobs. `random` gives numbers in [0, 1).

    `on_end` is called once with each ending, after its record was kept, if it has one: it writes the log line.
    It is not called with Unpublished, nor with a Refused without a record.
    """

    def __init__(
        self,
        records: FinalRecords,
        outputs: Outputs,
        events: CompletionEvents,
        *,
        now: Callable[[], datetime],
        random: Callable[[], float],
        on_end: OnEnd = lambda _ending, _of: None,
    ) -> None:
        self._records = records
        self._outputs = outputs
        self._events = events
        self._now = now
        self._random = random
        self._on_end = on_end

    async def finish_attempt(
        self, attempt: Attempt, outcome: Outcome, *, within_seconds: float | None = None
    ) -> Outcome | Unpublished:
        """Record how the attempt ended. Returns how it did end: the record may be refused, or not be kept in time.

        An attempt ends once: called again, this returns the outcome that was recorded, and publishes the event again.
        Raises nothing but CancelledError, and then may be called with another outcome.
        """
        until = None if within_seconds is None else asyncio.get_running_loop().time() + within_seconds
        if attempt.ending_since is None:
            attempt.ending_since = asyncio.get_running_loop().time()
        if attempt.outcome is None:
            attempt.outcome, attempt.last_record = await self._recorded(attempt, outcome, within_seconds)
            self._on_end(attempt.outcome, attempt)
        ended: Outcome | Unpublished = attempt.outcome
        if attempt.last_record is not None:
            rest = None if until is None else max(0.0, until - asyncio.get_running_loop().time())
            ended = await self._published(attempt.outcome, attempt.last_record, within_seconds=rest)
        last = attempt.last_record or attempt.claim.record  # also if the claim was lost: something may have been sent
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._outputs.drop_hidden(attempt.claim.job, last.version)
        return ended

    async def finish(
        self, ending: Failed | Cancelled | Refused, record: Record, seen: Version | None, job: Job | None = None
    ) -> Finished | JobState:
        """Record the end of a job that does not run. Returns its state where that has changed meanwhile.

        `record` is the newest of the job, with the version that the final one is to have. `seen` is the version in the
        job table. Without the `job`, outputs of a cancelled one are taken back when its message comes next.
        Raises StoreUnavailableError: the record may have been kept.
        """
        final = record_of(ending, record, record.version, self._now())
        result = await self._records.write_if_unchanged(final, seen)
        if isinstance(result, Conflict):
            return result.state
        with bound(job_id=final.job_id, attempt=final.attempt):
            self._on_end(ending, final)
            if isinstance(ending, Cancelled) and job is not None:
                await self.retract(job, final)
            elif job is not None:  # its last worker was killed over it
                await self._outputs.drop_unfinished(job)
                await self._outputs.drop_hidden(job, final.version)
            return Finished(final, await self._published(ending, final))

    async def refuse(self, error: InvalidMessageError, delivery: Delivery) -> Ending:
        """Refuse a message that is no job. A record says so, unless there is a job with its id already.

        Where the job table is away, the message waits: once it is a dead letter, no record is written any more.
        """
        refused = Refused(error)
        if error.job_id is not None:
            record = replace(first_record(error.job_id, None, (), self._now()), version=Version(delivery.fence, 1))
            try:
                result = await self.finish(refused, record, None)
            except StoreUnavailableError as unavailable:
                return self.put_off(delivery, unavailable)
            if isinstance(result, Finished):
                return result.ending
            if result.record.is_final and delivery.has_written(result.record.version):  # refused before, and come back
                return await self._published(refused, result.record, receives=delivery.receive_count)
        return refused

    async def retract(self, job: Job, cancelled: Record) -> None:
        """Take back what was published of a job that is cancelled, as its record says. Raises nothing."""
        await self._outputs.retract(job, cancelled.run, cancelled.version)

    async def skip(self, job: Job, record: Record, delivery: Delivery) -> Skipped | Unpublished:
        """The job is final already: do what the worker that ended it may have left undone."""
        skipped = Skipped(record, is_own=delivery.has_written(record.version))
        self._on_end(skipped, record)
        await self._records.share(record)
        if record.status is Status.CANCELLED:  # between two attempts: the first may have published something
            await self.retract(job, record)
        else:
            await self._outputs.drop_hidden(job, record.version)
        return await self._published(skipped, record, receives=delivery.receive_count)

    async def publish_again(self, record: Record) -> None:
        """Publish the end of a job's last run once more, before its record is replaced. Raises nothing."""
        await self._events.publish(record)

    def put_off(self, delivery: Delivery, error: StoreUnavailableError) -> Ending:
        """Have the message come back, later with each receive, because nothing can be claimed or recorded."""
        delay_seconds = RETRY_BACKOFF.delay(delivery.receive_count, self._random())
        if isinstance(error, UnreadableRecordError):  # the table is there
            emit(Event.RECORD_UNREADABLE, attribute=error.attribute, receives=delivery.receive_count)
            return self.pass_over(Deferred(delay_seconds, error.reason))
        return self.pass_over(PutOff(delay_seconds, error.reason))

    def pass_over(self, ending: Deferred | PutOff | NotBegun | Ignored) -> Ending:
        """Say in the log that nothing was started and nothing has ended. Returns the ending."""
        self._on_end(ending, None)
        return ending

    async def _recorded(
        self, attempt: Attempt, outcome: Outcome, within_seconds: float | None
    ) -> tuple[Outcome, Record | None]:
        """The outcome as it can be recorded, with the record."""
        try:
            async with asyncio.timeout(within_seconds):
                if isinstance(outcome, Lost):
                    ended = await attempt.reporter.kept_end()
                    return (outcome, None) if ended is None else (ended.outcome, ended.record)
                if isinstance(outcome, Cancelled):
                    outcome = await self._retract(attempt)
                ended = await attempt.reporter.end(outcome)
                return ended.outcome, ended.record
        except LeaseLostError as loss:
            return Lost(loss.reason), None
        except TimeoutError:
            return self._unrecorded(outcome), None

    async def _retract(self, attempt: Attempt) -> Cancelled | WillRetry:
        """Delete the outputs of a cancelled job, also those of an earlier start: one that was released does not count.

        They are ours to delete only while the job is. Where the job table does not confirm that, they are left to the
        next delivery.
        """
        try:
            await attempt.reporter.checkpoint()
        except DependencyUnavailableError:
            return self._retry(JobCancelledError())
        claimed = attempt.claim.record
        await self._outputs.retract(attempt.claim.job, claimed.run, claimed.version)
        return Cancelled()

    def _unrecorded(self, outcome: Outcome) -> Outcome:
        """The outcome where no store knows of the end: the message has to come back, even for a final one."""
        match outcome:
            case Failed(error):
                return self._retry(error)
            case Cancelled():
                return self._retry(JobCancelledError())
            case _:
                return outcome

    def _retry(self, error: JobError) -> WillRetry:
        return WillRetry(error, RETRY_BACKOFF.delay(1, self._random()))

    async def _published(
        self, ending: E, record: Record, *, receives: int | None = None, within_seconds: float | None = None
    ) -> E | Unpublished:
        """The ending, if nothing is left to publish of it. Until then, its message has to come back."""
        if not record.is_final:
            return ending
        delay_seconds = await self._events.publish(record, receives=receives, within_seconds=within_seconds)
        return ending if delay_seconds is None else Unpublished(delay_seconds)
