"""What cannot be done: because of what the record of a job says, of the role, or of the table."""

from __future__ import annotations

from worker.domain.errors import WorkerError
from worker.domain.progress import Record


class JobExistsError(WorkerError):
    """The id is taken, by a job that was started or that asks for something else."""

    def __init__(self, record: Record) -> None:
        super().__init__(f"job {record.job_id} exists already ({record.status.value})")
        self.record = record


class NotRetriedError(WorkerError):
    """The job cannot be run again."""

    def __init__(self, record: Record, reason: str) -> None:
        super().__init__(f"job {record.job_id} {reason}")
        self.record = record


class NotAllowedError(WorkerError):
    """The dependency answers, but the role of this process may not make the call."""

    def __init__(self, action: str) -> None:
        super().__init__(f"this role may not call {action}")
        self.action = action


class NoIndexError(WorkerError):
    """The job table cannot be asked for lists."""
