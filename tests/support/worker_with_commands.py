"""A worker on a queue in memory, with the commands beside it that put jobs on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.queue import FakeQueue
from tests.support.handling import runs_and_finisher
from tests.support.harness import SOURCE, Harness, a_body, a_harness, a_worker, until_empty
from worker.application.jobs.retry import JobRetry
from worker.application.jobs.submission import Submission
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError
from worker.domain.progress import Record, Status


class FakeSender:
    """Puts messages on the fake queue, as the sender of SQS does."""

    def __init__(self, queue: FakeQueue) -> None:
        self._queue = queue
        self.is_away = False
        self.refuses = False
        self.dedup_ids: list[str | None] = []

    async def send(self, body: str, *, group_id: str | None = None, dedup_id: str | None = None, **_: object) -> str:
        if self.is_away:
            raise DependencyUnavailableError("SQS")
        if self.refuses:
            raise InvalidMessageError("body", "is too large")
        self.dedup_ids.append(dedup_id)
        return self._queue.send(body)


class WorkerWithCommands:
    """A worker on a queue, with the commands beside it."""

    def __init__(self, harness: Harness, queue: FakeQueue) -> None:
        self.harness = harness
        self.queue = queue
        self.sender = FakeSender(queue)
        runs, finisher = runs_and_finisher(harness.table, harness.redis, now=harness.now)
        self.retry = JobRetry(harness.table, runs, finisher, self.sender)
        self.submission = Submission(runs, finisher, self.sender)

    async def failed(self, body: str | None = None) -> Record:
        """Let a job fail, whose dead letter is then the newest. Returns its record."""
        source = self.harness.objects.buckets[SOURCE.bucket].pop(SOURCE.key)
        self.queue.send(body or a_body())
        await until_empty(self.queue)
        self.harness.objects.buckets[SOURCE.bucket][SOURCE.key] = source
        assert self.harness.record().status is Status.FAILED
        return self.harness.record()


@asynccontextmanager
async def a_worker_with_commands(root: Path) -> AsyncIterator[WorkerWithCommands]:
    queue = FakeQueue(wait_seconds=1)
    async with a_harness(root) as harness, a_worker(harness, queue):
        yield WorkerWithCommands(harness, queue)
