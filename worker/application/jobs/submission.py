"""Putting a job on the queue, with a record that can be watched from the first moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol

from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.job_runs import JobRuns
from worker.application.messages.message import to_body
from worker.domain.claim import JobState
from worker.domain.errors import InvalidMessageError
from worker.domain.job import GROUP, Job
from worker.domain.outcome import Refused
from worker.domain.progress import QUEUED_FENCE, Record, Status, Version
from worker.domain.redaction import redact, redacted_sources
from worker.domain.refusals import JobExistsError
from worker.domain.trace import TRACEPARENT, trace_context


class Sender(Protocol):
    """The producer's side of the queue."""

    async def send(
        self,
        body: str,
        *,
        group_id: str | None = None,
        dedup_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        """Put a message on the queue and return its id.

        Raises InvalidMessageError where the queue takes no such message, and DependencyUnavailableError.
        """


class Submission:
    """Begins the first run of a job with a `queued` record, then sends the message.

    The record decides who has the id, so it is first: a job that is refused has changed nothing. But whether the queue
    takes the message is known later: where it does not, the `finisher` ends the job as failed.
    Submitting a job again is safe: one that was never started is sent again (the first send may have failed), and
    the message that comes second finds the job claimed.
    """

    def __init__(self, runs: JobRuns, finisher: JobFinisher, sender: Sender) -> None:
        self._runs = runs
        self._finisher = finisher
        self._sender = sender

    async def submit(
        self,
        job: Job,
        *,
        group: str | None = None,
        traceparent: str | None = None,
        put_source: Callable[[], Awaitable[None]] | None = None,
    ) -> Record:
        """Submit the job and return its first record. A `traceparent` that is valid goes along with the message.

        `group` is the message group. On a FIFO queue the jobs of a group are done in order, and by default each job is
        a group of its own. On a standard queue it is the tenant, whom SQS keeps from delaying the others.
        `put_source` puts the source where the job says, once the id is the job's own and before a worker can take it.
        Raises InvalidMessageError about the group or the body, JobExistsError, StoreUnavailableError (nothing was
        sent), DependencyUnavailableError or what `put_source` raises (the record is there; submit again with the same
        id).
        """
        if group is not None and not GROUP.allows(group):
            raise InvalidMessageError("group", f"must be {GROUP}", job_id=job.job_id)
        held = await self._runs.begin_first(job, group)
        if not _is_unstarted(held, job):
            raise JobExistsError(held.record)
        if put_source is not None:
            await put_source()
        try:
            await self._send(job, group, traceparent)
        except InvalidMessageError as error:
            await fail_unsent(self._finisher, held.record, error)
            raise
        return held.record

    async def _send(self, job: Job, group: str | None, traceparent: str | None) -> None:
        attributes = {TRACEPARENT: traceparent} if traceparent else {}
        await self._sender.send(
            to_body(job),
            group_id=group,
            dedup_id=job.job_id,
            attributes=attributes if trace_context(attributes) else None,
        )


async def fail_unsent(finisher: JobFinisher, queued: Record, error: InvalidMessageError) -> None:
    """End a job whose message the queue does not take: no worker will ever have it. Raises StoreUnavailableError."""
    error.job_id = queued.job_id
    version = Version(queued.version.fence, queued.version.seq + 1)
    await finisher.finish(Refused(error), replace(queued, version=version), queued.version)


def _is_unstarted(held: JobState, job: Job) -> bool:
    """Whether it is the record of this very job, and no worker has had it.

    A job whose message cannot be kept is known by its record, which shows names without what looks like a secret.
    """
    record = held.record
    if record.status is not Status.QUEUED or record.version.fence != QUEUED_FENCE:
        return False
    if held.message is not None:
        return held.message.body == to_body(job)
    asked = (redacted_sources(job.sources), [redact(str(output.target)) for output in job.outputs])
    return asked == (record.source, [output.target for output in record.outputs])
