"""A handler with everything that it needs in memory, for tests of how a delivery ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.converter import FakeConverter
from tests.fakes.objects import MemoryObjects
from tests.fakes.publisher import FakePublisher
from tests.fakes.queue import FakeQueue
from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.consuming import a_consumer
from tests.support.deliveries import SENT_AT_MS, a_delivery
from tests.support.handling import Handling, a_cancellation
from tests.support.sounds import silence
from tests.support.waiting import wait_until
from worker.adapters.disk import LocalVolume
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.dependencies import S3Access, S3Rights, TableAccess, WorkspaceAccess
from worker.application.consuming.lease import Lease
from worker.application.consuming.slots import Slots
from worker.application.consuming.work import Work
from worker.application.jobs.attempt import JobLimits
from worker.application.jobs.cancel_watch import CancelWatch
from worker.application.jobs.conversion import Conversion, ConversionLimits
from worker.application.jobs.dependency_watch import DependencyWatch
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.jobs.worker_directory import LOCK, WorkerDirectory
from worker.application.jobs.workspace import Workspace
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache
from worker.domain.disposition import Disposition
from worker.domain.job import ObjectLocation
from worker.domain.progress import Record
from worker.ports import JobQueue, Tracer, Volume

SOURCE = ObjectLocation("in-bucket", "ep-1.wav")
TARGET = ObjectLocation("out-bucket", "ep-1.flac")
SECOND = ObjectLocation("out-bucket", "ep-1-b.flac")
LEASE_SECONDS = 60.0
LIMITS = JobLimits(LEASE_SECONDS, job_timeout_seconds=10_800, stall_seconds=300, max_attempts=3)


def a_body(job_id: str = "ep-1", *targets: ObjectLocation) -> str:
    """A message's body that asks for FLAC."""
    outputs = [{"target": str(target), "format": "flac"} for target in targets or (TARGET,)]
    return json.dumps({"job_id": job_id, "source": str(SOURCE), "outputs": outputs})


@dataclass
class Harness:
    """The handler, and the fakes that a test can make fail. Wall-clock time follows the loop's."""

    root: Path
    limits: JobLimits = LIMITS
    objects: MemoryObjects = field(default_factory=lambda: MemoryObjects("in-bucket", "out-bucket"))
    converter: FakeConverter = field(default_factory=FakeConverter)
    table: FakeJobTable = field(default_factory=FakeJobTable)
    redis: FakeProgressCache = field(default_factory=FakeProgressCache)
    publisher: FakePublisher = field(default_factory=FakePublisher)
    volume: Volume = field(default_factory=LocalVolume)
    output_limit_bytes: int = 1 << 30
    early_bytes: int = 1 << 30
    window_bytes: int = 1 << 30
    name: str = "w:1"
    tracer: Tracer | None = None
    s3_outputs: S3EventOutputs | None = None

    def __post_init__(self) -> None:
        self.objects.put(SOURCE, silence(1))
        table_access = TableAccess(self.table)
        self.store = FailoverStore(
            self.table,
            GuardedCache(self.redis, now=self.now, random=lambda: 0.5),
            on_table_failure=table_access.failed,
        )
        outputs = PublishedOutputs(self.objects)
        self.directory = WorkerDirectory(self.root)
        self.workspace = workspace = Workspace(self.directory, self.volume)
        self.watch = DependencyWatch(
            table_access,
            S3Access(self.objects),
            S3Rights(self.objects),
            WorkspaceAccess(workspace.probe),
        )
        self.cancels = CancelWatch(self.table)
        self.cancellation = a_cancellation(self.table, self.redis, now=self.now, publisher=self.publisher)
        self.slots = Slots(2)
        handling = Handling(
            self.table,
            self.store,
            Conversion(
                self.objects,
                self.converter,
                workspace,
                ConversionLimits(1 << 20, 3600, self.output_limit_bytes, self.early_bytes, self.window_bytes),
                random=lambda: 0.5,
            ),
            outputs,
            self.cancels,
            self.limits,
            worker=self.name,
            now=self.now,
            s3_outputs=self.s3_outputs,
            slots=self.slots,
            publisher=self.publisher,
            tracer=self.tracer,
            on_end=self.watch.ended,
        )
        self.claims, self.handler = handling.claims, handling.handler()

    def files(self) -> list[Path]:
        """What is in the workspace, besides the lock."""
        return [path for path in self.directory.path.iterdir() if path.name != LOCK]

    def now(self) -> datetime:
        return datetime.fromtimestamp(SENT_AT_MS / 1000, UTC) + timedelta(seconds=asyncio.get_running_loop().time())

    def work(self, body: str | None = None, *, receive_count: int = 1, **attributes: str) -> Work:
        delivery = a_delivery(
            body=a_body() if body is None else body,
            receive_count=receive_count,
            attributes=attributes,
            received_at=asyncio.get_running_loop().time(),
        )
        return Work(Lease(delivery, lease_seconds=LEASE_SECONDS))

    async def handle(self, body: str | None = None, *, receive_count: int = 1) -> Disposition:
        return await self.handler.handle(self.work(body, receive_count=receive_count))

    async def begins(self, work: Work | None = None) -> asyncio.Task[Disposition]:
        """Begin a job that hangs half-way through its conversion, until `converter.may_finish` is set."""
        self.converter.may_finish.clear()
        handling = asyncio.create_task(self.handler.handle(work or self.work()))
        await wait_until(lambda: self.converter.running)
        return handling

    async def crashes(self, body: str | None = None, *, receive_count: int = 1) -> None:
        """Claim the job and die half-way, as a killed worker does: nothing more is reported or settled."""
        handling = await self.begins(self.work(body, receive_count=receive_count))
        handling.cancel()
        await asyncio.wait([handling])
        self.converter.may_finish.set()

    def record(self, job_id: str = "ep-1") -> Record:
        """The job's record that DynamoDB holds."""
        return self.table.held[job_id]


@asynccontextmanager
async def a_harness(root: Path, **parts: object) -> AsyncIterator[Harness]:
    """A harness whose progress store keeps contact with its Redis, and which sees requests to cancel."""
    harness = Harness(root, **parts)  # type: ignore[arg-type]
    beside = [asyncio.create_task(each.run()) for each in (harness.store, harness.cancels, harness.claims)]
    try:
        yield harness
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        harness.directory.close()


@asynccontextmanager
async def a_worker(harness: Harness, queue: JobQueue, *, concurrency: int = 2) -> AsyncIterator[Consumer]:
    """The whole worker over the harness's handler. At the end it drains, without time for running jobs."""
    harness.slots.concurrency = concurrency
    time = asyncio.get_running_loop().time
    renewer, consumer = a_consumer(
        queue,
        harness.handler,
        concurrency=harness.slots,
        lease_seconds=LEASE_SECONDS,
        causes=harness.watch.causes,
        suspicion=harness.watch.suspicion,
    )
    renewing, consuming = asyncio.create_task(renewer.run()), asyncio.create_task(consumer.run())
    try:
        yield consumer
        consumer.stop(jobs_until=time(), settle_until=time() + 10)
        await consuming
    finally:
        consuming.cancel()
        renewing.cancel()
        await asyncio.wait([consuming, renewing])


@asynccontextmanager
async def two_harnesses(root: Path, **parts: object) -> AsyncIterator[tuple[Harness, Harness]]:
    """Two harnesses over the same stores and buckets; each has a converter of its own."""
    (root / "1").mkdir()
    (root / "2").mkdir()
    async with (
        a_harness(root / "1", **parts) as first,
        a_harness(root / "2", table=first.table, redis=first.redis, objects=first.objects, name="w:2") as second,
    ):
        yield first, second


async def until_empty(queue: FakeQueue) -> None:
    while len(queue):  # noqa: ASYNC110 - time is virtual
        await asyncio.sleep(0.5)
