"""Where runs of jobs begin: the first record of a job that is submitted, and of the next run of one that has ended.

The message that has a worker start the run is sent by others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from worker.application.jobs.finisher import JobFinisher
from worker.application.messages.message import message_to_keep
from worker.domain.claim import JobMessage, JobState
from worker.domain.job import Job
from worker.domain.progress import Record, Version, first_record, next_run
from worker.events import Event, emit
from worker.ports import Conflict, Written


class FirstRecords(Protocol):
    """Where the first record of a run is written: the job table first, then the cache, where it answers.

    `submit` and `begin_run` raise StoreUnavailableError: the job table may have kept the record.
    """

    async def submit(self, record: Record, message: JobMessage | None) -> Written | Conflict:
        """Keep the first record of a job, if none is held, and its message beside it."""

    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        """Keep the first record of the next run, if the final one at `seen` is still held."""

    async def share(self, record: Record) -> None:
        """Bring the cache up to a record of the job table, where it answers. Raises nothing."""


class JobRuns:
    """Begins runs of jobs, each with a `queued` record."""

    def __init__(self, records: FirstRecords, finisher: JobFinisher, *, now: Callable[[], datetime]) -> None:
        self._records = records
        self._finisher = finisher
        self._now = now

    async def begin_first(self, job: Job, group_id: str | None = None) -> JobState:
        """Write the first record of a job whose message is sent next. Returns the state that the job table then holds.

        Where a job of this id is there already, that is its state, and nothing is written.
        `group_id` is the message group. Raises StoreUnavailableError: the record may have been kept.
        """
        targets = tuple(str(output.target) for output in job.outputs)
        record = first_record(job.job_id, job.sources, targets, self._now())
        message = message_to_keep(job, group_id)
        match await self._records.submit(record, message):
            case Conflict(state):
                await self._records.share(state.record)
                return state
            case Written():
                return JobState(record, message=message)

    async def begin_next(self, ended: JobState) -> JobState:
        """Write the first record of the next run of a job that has ended. Returns the state that the table then holds.

        Where another has changed the job meanwhile, that is its state, and nothing is written.
        The completion event of the last run is published once more before that, because its record is replaced.
        Raises StoreUnavailableError: the run may have begun.
        """
        await self._finisher.publish_again(ended.record)
        record = next_run(ended.record, self._now())
        match await self._records.begin_run(record, ended.record.version):
            case Conflict(state):
                return state
            case Written():
                emit(Event.RUN_BEGUN, run=record.run, last_status=ended.record.status.value)
                return ended.in_next_run(record)
