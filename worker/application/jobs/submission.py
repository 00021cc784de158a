"""Putting a job on the queue, with a record that can be watched from the first moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from worker.application.jobs.finisher import JobRecords
from worker.application.messages.message import to_body
from worker.domain.errors import WorkerError
from worker.domain.job import Job
from worker.domain.progress import QUEUED_FENCE, Record, Status, first_record
from worker.domain.trace import TRACEPARENT, trace_fields
from worker.ports import JobTable


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
        """Put a message on the queue and return its id. Raises DependencyUnavailableError."""


class JobExistsError(WorkerError):
    """The id is taken, by a job that was started or that asks for something else."""

    def __init__(self, record: Record) -> None:
        super().__init__(f"job {record.job_id} exists already ({record.status.value})")
        self.record = record


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Submission:
    """Writes the `queued` record, to the cache as well where it can be reached, then sends the message.

    The record decides who has the id, so it is first: a job that is refused has changed nothing.
    Submitting a job again is safe: one that was never started is sent again (the first send may have failed), and
    the message that comes second finds the job claimed.
    """

    def __init__(
        self,
        table: JobTable,
        records: JobRecords,
        sender: Sender,
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._table = table
        self._records = records
        self._sender = sender
        self._now = now

    async def submit(
        self,
        job: Job,
        *,
        group: str | None = None,
        traceparent: str | None = None,
        put_source: Callable[[], Awaitable[None]] | None = None,
    ) -> Record:
        """Submit the job and return its first record. A `traceparent` that is valid goes along with the message.

        `group` is the message group on a FIFO queue; by default each job has its own.
        `put_source` puts the source where the job says, once the id is the job's own and before a worker can take it.
        Raises JobExistsError, StoreUnavailableError (nothing was sent), DependencyUnavailableError or what
        `put_source` raises (the record is there; submit again with the same id).
        """
        targets = tuple(str(output.target) for output in job.outputs)
        record = first_record(job.job_id, str(job.source), targets, self._now())
        await self._table.write_if_unchanged(record, None)
        # The record that is there now decides: two producers may have chosen the same id.
        state = await self._table.state(job.job_id)
        current = record if state is None else state.record
        if not _is_same_and_unstarted(current, record):
            raise JobExistsError(current)
        await self._records.share(current)
        if put_source is not None:
            await put_source()
        attributes = {TRACEPARENT: traceparent} if traceparent else {}
        await self._sender.send(
            to_body(job),
            group_id=group or job.job_id,
            dedup_id=job.job_id,
            attributes=attributes if trace_fields(attributes) else None,
        )
        return current


def _is_same_and_unstarted(current: Record, record: Record) -> bool:
    is_unstarted = current.status is Status.QUEUED and current.version.fence == QUEUED_FENCE
    return is_unstarted and (current.source, current.outputs) == (record.source, record.outputs)
