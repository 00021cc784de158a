"""A consumer at work over a queue in memory, and jobs that only take their time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.queue import FakeQueue
from tests.support.virtual_time import now
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.lease import Lease, LeaseKeeper
from worker.domain.disposition import Ack, Disposition, Forfeit, Release
from worker.domain.errors import DependencyUnavailableError, LeaseLostError, ShutdownError

LEASE = 60.0
OUTAGE = DependencyUnavailableError("SQS")

Job = Callable[[Lease], Awaitable[Disposition]]


@dataclass
class JobHandler:
    """Runs `job` as the real handler does: in the lease's execution, whose reasons become dispositions."""

    job: Job
    running: int = 0
    most: int = 0
    begun: list[str] = field(default_factory=list)
    dispositions: list[tuple[str, Disposition]] = field(default_factory=list)

    async def handle(self, lease: Lease) -> Disposition:
        self.begun.append(lease.delivery.message_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            disposition = await self._run(lease)
        finally:
            self.running -= 1
        self.dispositions.append((lease.delivery.message_id, disposition))
        return disposition

    async def _run(self, lease: Lease) -> Disposition:
        async def body() -> Disposition:
            return await self.job(lease)

        try:
            return await lease.execution.run(body(), name="job")
        except ShutdownError:
            return Release()
        except LeaseLostError:
            return Forfeit()


def taking(seconds: float, disposition: Disposition | None = None) -> Job:
    async def job(_: Lease) -> Disposition:
        await asyncio.sleep(seconds)
        return disposition or Ack()

    return job


@dataclass
class Bench:
    """A consumer at work, and what belongs to it."""

    queue: FakeQueue
    handler: JobHandler
    consumer: Consumer
    task: asyncio.Task[None]

    async def until(self, is_so: Callable[[], bool], *, every_seconds: float = 0.01) -> None:
        while not is_so():  # noqa: ASYNC110 - time is virtual
            await asyncio.sleep(every_seconds)

    async def until_empty(self, *, every_seconds: float = 0.1) -> None:
        await self.until(lambda: len(self.queue) == 0, every_seconds=every_seconds)

    async def drain(self, seconds: float = 100, release_seconds: float = 10) -> float:
        """Stop and wait for the end; returns how long it took."""
        began = now()
        self.consumer.stop(jobs_until=began + seconds - release_seconds, settle_until=began + seconds)
        await self.task
        return now() - began


@asynccontextmanager
async def at_work(queue: FakeQueue, job: Job, *, concurrency: int = 4) -> AsyncIterator[Bench]:
    handler = JobHandler(job)
    keeper = LeaseKeeper(queue, lease_seconds=LEASE, random=lambda: 0.5)
    consumer = Consumer(queue, handler, keeper, concurrency=concurrency, lease_seconds=LEASE, random=lambda: 0.5)
    renewing = asyncio.create_task(keeper.run(), name="keeper")
    consuming = asyncio.create_task(consumer.run(), name="consumer")
    try:
        yield Bench(queue, handler, consumer, consuming)
        if not consuming.done():
            consumer.stop(jobs_until=now(), settle_until=now() + 10)
        await consuming
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
