"""A new run of a job that failed or was cancelled, on request and without its dead letter."""

from __future__ import annotations

import hashlib

from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.job_runs import JobRuns
from worker.application.jobs.submission import Sender, fail_unsent
from worker.domain.claim import JobMessage, JobState
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError
from worker.domain.progress import FIRST_RUN, Record, Status
from worker.domain.refusals import NotRetriedError
from worker.ports import JobTable

_TRIES = 10


class JobRetry:
    """Begins the next run: its `queued` record first, so that readers see it at once, then the message.

    The message is the one that is kept beside the record from the submission or the first claim on. Retrying again is
    safe: a run that has begun and was not started is sent again (the first send may have failed), and the message that
    comes second finds the job claimed.
    """

    def __init__(self, table: JobTable, runs: JobRuns, finisher: JobFinisher, sender: Sender) -> None:
        self._table = table
        self._runs = runs
        self._finisher = finisher
        self._sender = sender

    async def retry(self, job_id: str) -> Record | None:
        """Run the job again. Returns the first record of the run; None: there is no such job.

        Raises NotRetriedError; InvalidMessageError where the queue does not take the message; StoreUnavailableError or
        DependencyUnavailableError, and then may be called again.
        """
        for _ in range(_TRIES):
            state = await self._table.state(job_id)
            if state is None:
                return None
            message = _message_of(state)
            if state.record.is_final:
                state = await self._runs.begin_next(state)
            if _is_unstarted(state.record):
                try:
                    await self._send(state.record, message)
                except InvalidMessageError as error:
                    await fail_unsent(self._finisher, state.record, error)
                    raise
                return state.record
        raise DependencyUnavailableError("the job", "changed each time it was read; try again")

    async def _send(self, first: Record, message: JobMessage) -> None:
        # Within five minutes SQS drops a second message of the same run, and takes that of another one.
        dedup_id = hashlib.sha256(f"{first.job_id}/{first.run}".encode()).hexdigest()
        await self._sender.send(message.body, group_id=message.group_id, dedup_id=dedup_id)


def _message_of(state: JobState) -> JobMessage:
    """The kept message, which asks for the job again. Raises NotRetriedError."""
    record = state.record
    if record.status is Status.COMPLETED or not (record.is_final or _is_unstarted(record)):
        raise NotRetriedError(record, f"is {record.status.value}")
    if state.message is None:
        raise NotRetriedError(record, "left no message to send again: redrive its dead letter, or submit it anew")
    return state.message


def _is_unstarted(record: Record) -> bool:
    """Whether the record begins a further run, and no worker has had it."""
    is_first_of_run = record.run > FIRST_RUN and record.version.seq == 1
    return is_first_of_run and record.status is Status.QUEUED and record.attempt == 0
