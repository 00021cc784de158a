"""The dead-letter queue of the fake queue, and the index of the fake job table, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from tests.fakes.queue import DeadLetter as Letter
from tests.fakes.queue import FakeQueue
from tests.fakes.stores import FakeJobTable
from worker.domain.errors import WorkerError
from worker.domain.progress import Status
from worker.ports import DeadLetter, DependencyMissingError, ListedJob, ListPosition, NoIndexError

_MOST = 10


class FakeDeadLetters:
    """A `DeadLetterQueue`. While `failure` is set, it is the result of each letter that is to be moved."""

    def __init__(self, queue: FakeQueue) -> None:
        self._queue = queue
        self._hidden: set[int] = set()  # by identity
        self.failure: WorkerError | None = None

    async def count(self) -> int:
        await asyncio.sleep(0)
        if not self._queue.has_dead_letter_queue:
            raise DependencyMissingError("a dead-letter queue of WORKER_QUEUE_URL")
        return len(self._queue.dead_letters)

    async def receive(self) -> Sequence[DeadLetter]:
        await self.count()
        visible = [letter for letter in self._queue.dead_letters if id(letter) not in self._hidden][:_MOST]
        self._hidden |= {id(letter) for letter in visible}
        return [_as_received(letter) for letter in visible]

    async def move_back(self, letters: Sequence[DeadLetter]) -> Sequence[WorkerError | None]:
        await self.count()
        if self.failure is not None:
            return [self.failure for _ in letters]
        for letter in letters:
            found = self._found(letter)
            self._queue.send_back(found)
            self._queue.dead_letters.remove(found)
            self._hidden.discard(id(found))  # another letter may have that identity next
        return [None for _ in letters]

    async def leave(self, letters: Sequence[DeadLetter]) -> None:
        await self.count()
        self._hidden -= {int(letter.receipt_handle) for letter in letters}

    def _found(self, letter: DeadLetter) -> Letter:
        return next(each for each in self._queue.dead_letters if str(id(each)) == letter.receipt_handle)


def _as_received(letter: Letter) -> DeadLetter:
    rejection = letter.rejection
    return DeadLetter(
        letter.message_id,
        str(id(letter)),
        None if rejection is None else rejection.error.code.value,
        None if rejection is None else rejection.job_id,
        None if rejection is None else str(rejection.error),
        letter.sent_at,
        letter.body,
        {},
    )


class FakeJobIndex:
    """A `JobIndex`."""

    def __init__(self, table: FakeJobTable, *, is_there: bool = True) -> None:
        self._table = table
        self._is_there = is_there

    async def newest(
        self, status: Status, since: datetime | None, limit: int, *, after: ListPosition | None = None
    ) -> Sequence[ListedJob]:
        await asyncio.sleep(0)
        if not self._is_there:
            raise NoIndexError("table jobs has no index")
        held = [record for record in self._table.held.values() if record.status is status]
        listed = [ListedJob(record, self._status_at(record.job_id)) for record in held]
        recent = [job for job in listed if since is None or job.status_at >= since]
        in_order = sorted(recent, key=_order, reverse=True)
        return [job for job in in_order if after is None or _order(job) < (after.status_at, after.job_id)][:limit]

    def _status_at(self, job_id: str) -> datetime:
        """When the job came to its status: the first of its last records that all have it."""
        at = self._table.held[job_id].updated_at
        for record in reversed([record for record in self._table.writes if record.job_id == job_id]):
            if record.status is not self._table.held[job_id].status:
                break
            at = record.updated_at
        return at


def _order(job: ListedJob) -> tuple[datetime, str]:
    return job.status_at, job.record.job_id
