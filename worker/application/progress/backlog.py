"""What Redis may be missing: the newest acknowledged record of each live job, and of each that ended meanwhile."""

from __future__ import annotations

from collections import OrderedDict

from worker.domain.progress import Record, Status
from worker.ports import WriteResult

# Live jobs are few and written often; this bounds the memory for jobs that end during a long outage. What falls out is
# in DynamoDB, where readers look as well.
_LIMIT = 1000


class Backlog:
    """The records to replay when Redis is back. A job stays in it until it is over and Redis knows."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, Record] = OrderedDict()

    @property
    def live_jobs(self) -> int:
        return sum(record.status is Status.RUNNING for record in self._newest.values())

    def records(self) -> list[Record]:
        return list(self._newest.values())

    def written(self, record: Record, outcome: WriteResult, *, to_redis: bool) -> None:
        """A store has answered a write."""
        held = self._newest.get(record.job_id)
        if held is not None and held.version > record.version:
            return
        if outcome is WriteResult.STALE or (to_redis and record.status is not Status.RUNNING):
            self._newest.pop(record.job_id, None)
            return
        self._newest[record.job_id] = record
        self._newest.move_to_end(record.job_id)
        if len(self._newest) > _LIMIT:
            self._newest.popitem(last=False)

    def forget(self, record: Record) -> None:
        """Redis will not have it, and who reads finds it in DynamoDB."""
        if self._newest.get(record.job_id) is record:
            del self._newest[record.job_id]

    def attempt_ended(self, job_id: str) -> None:
        """Whoever runs the job now, it is not us: a record that still says `running` is not ours to replay."""
        held = self._newest.get(job_id)
        if held is not None and held.status is Status.RUNNING:
            del self._newest[job_id]
