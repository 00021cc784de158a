"""What the cache may lack: the newest acknowledged record of each live job, and of each that ended in an outage."""

from __future__ import annotations

from collections import OrderedDict

from worker.domain.progress import Record, Status
from worker.ports import WriteResult

# This bounds the memory for jobs that end during a long outage: live jobs are few. A record that is dropped from here
# is in the job table, which readers ask as well.
_LIMIT = 1000


class Backlog:
    """The records to replay when the cache is back. A job stays until its end is in the cache."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, Record] = OrderedDict()

    @property
    def live_jobs(self) -> int:
        return sum(record.status is Status.RUNNING for record in self._newest.values())

    def records(self) -> list[Record]:
        return list(self._newest.values())

    def table_answered(self, record: Record, result: WriteResult) -> None:
        """Note the job table's answer to a write: the cache may lack a record that the table holds."""
        self._note(record, result is not WriteResult.STALE)

    def cache_answered(self, record: Record, result: WriteResult) -> None:
        """Note the cache's answer to a write. A running job stays here: the cache may still lose its record."""
        self._note(record, result is not WriteResult.STALE and record.status is Status.RUNNING)

    def forget(self, record: Record) -> None:
        """Drop a record that the cache refuses. Readers find it in the job table."""
        if self._newest.get(record.job_id) is record:
            del self._newest[record.job_id]

    def attempt_ended(self, job_id: str) -> None:
        """Drop the job's record if it says `running`: this worker runs the job no more, and must not replay it."""
        held = self._newest.get(job_id)
        if held is not None and held.status is Status.RUNNING:
            del self._newest[job_id]

    def _note(self, record: Record, is_needed: bool) -> None:
        held = self._newest.get(record.job_id)
        if held is not None and held.version > record.version:
            return
        if not is_needed:
            self._newest.pop(record.job_id, None)
            return
        self._newest[record.job_id] = record
        self._newest.move_to_end(record.job_id)
        if len(self._newest) > _LIMIT:
            self._newest.popitem(last=False)
