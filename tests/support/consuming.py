"""A running consumer over a queue in memory, and jobs that do nothing but last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.credentials import MemoryCredentials
from tests.fakes.queue import FakeQueue
from tests.support.virtual_time import now
from worker.application.consuming.consumer import Consumer, Handler
from worker.application.consuming.credentials_check import CredentialsCheck
from worker.application.consuming.execution import Execution
from worker.application.consuming.lease_renewer import LeaseRenewer
from worker.application.consuming.pause import Cause, Pauses
from worker.application.consuming.poller import Poller
from worker.application.consuming.reject_limit import RejectLimit
from worker.application.consuming.settlement import Settlement
from worker.application.consuming.slots import Slots
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Disposition, Forfeit, Release
from worker.domain.errors import DependencyUnavailableError, LeaseLostError, ShutdownError
from worker.ports import JobQueue

LEASE = 60.0
OUTAGE = DependencyUnavailableError("SQS")

Job = Callable[[Work], Awaitable[Disposition]]


EndsAt = Callable[[Work], float]


@dataclass
class Until:
    """The estimate of a job that ends at the loop time `end`; None for a job without an estimate."""

    end: float | None = None

    @property
    def eta_seconds(self) -> float | None:
        return None if self.end is None else self.end - now()


@dataclass
class JobHandler:
    """Runs `job` as the real handler does: in an execution of the work, whose reasons become dispositions."""

    job: Job
    ends_at: EndsAt | None = None  # by the job's own estimate, in loop time
    running: int = 0
    most: int = 0
    begun: list[str] = field(default_factory=list)
    dispositions: list[tuple[str, Disposition]] = field(default_factory=list)

    async def handle(self, work: Work) -> Disposition:
        self.begun.append(work.delivery.message_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            disposition = await self._run(work)
        finally:
            self.running -= 1
        self.dispositions.append((work.delivery.message_id, disposition))
        return disposition

    async def _run(self, work: Work) -> Disposition:
        async def body() -> Disposition:
            return await self.job(work)

        try:
            execution = Execution()
            with work.running(execution, Until(self.ends_at and self.ends_at(work))):
                return await execution.run(body(), name="job")
        except ShutdownError:
            return Release()
        except LeaseLostError:
            return Forfeit()


def taking(seconds: float, disposition: Disposition | None = None) -> Job:
    async def job(_: Work) -> Disposition:
        await asyncio.sleep(seconds)
        return disposition or Ack()

    return job


def a_passed_credentials_check() -> CredentialsCheck:
    """The check of credentials, once they were found."""
    check = CredentialsCheck(MemoryCredentials(), random=lambda: 0.5)
    check.passed.set()
    return check


def a_consumer(
    queue: JobQueue,
    handler: Handler,
    *,
    concurrency: int | Slots,
    lease_seconds: float = LEASE,
    poll_seconds: float = 5.0,
    reject_limit: int = 60,
    random: Callable[[], float] = lambda: 0.5,
    causes: Sequence[Cause] = (),
    suspicion: asyncio.Event | None = None,
) -> tuple[LeaseRenewer, Consumer]:
    """A consumer with all that it needs, and the renewer of its leases: both have to be run."""
    limit = RejectLimit(reject_limit)
    renewer = LeaseRenewer(queue, lease_seconds=lease_seconds, random=random)
    consumer = Consumer(
        Poller(
            queue,
            Pauses([*causes, limit], suspicion or asyncio.Event(), random=random),
            a_passed_credentials_check(),
            poll_seconds=poll_seconds,
            random=random,
        ),
        handler,
        renewer,
        Settlement(queue, limit, random=random),
        concurrency if isinstance(concurrency, Slots) else Slots(concurrency),
        random=random,
    )
    return renewer, consumer


@dataclass
class Bench:
    """A running consumer, and what belongs to it."""

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
async def at_work(
    queue: FakeQueue, job: Job, *, concurrency: int | Slots = 4, ends_at: EndsAt | None = None
) -> AsyncIterator[Bench]:
    handler = JobHandler(job, ends_at)
    renewer, consumer = a_consumer(queue, handler, concurrency=concurrency)
    renewing = asyncio.create_task(renewer.run(), name="renewer")
    consuming = asyncio.create_task(consumer.run(), name="consumer")
    try:
        yield Bench(queue, handler, consumer, consuming)
        if not consuming.done():
            consumer.stop(jobs_until=now(), settle_until=now() + 10)
        await consuming
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
