"""A simulated process: the real worker from its consumer to its store, with a simulated conversion."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from tests.fakes.objects import MemoryObjects
from tests.simulation.core.publishing import SimulatedPublisher
from tests.simulation.core.stores import SimulatedRedis
from tests.simulation.queue.clients import JobTableClient, QueueClient
from tests.simulation.queue.incidents import LEASE_SECONDS, CancelRequest
from tests.simulation.queue.invariants import number_of
from tests.simulation.queue.link_faults import worker_at
from tests.simulation.queue.long_outputs import convert_long, meet
from tests.simulation.queue.objects import S3Client, SimulatedObjects
from tests.simulation.queue.schedule import MAX_ATTEMPTS, MAX_CRASHES, Script
from tests.simulation.queue.servers import POLL_SECONDS
from tests.support.consuming import a_consumer
from tests.support.handling import Handling
from tests.support.lean_loop import ProcessLoop
from worker.application.consuming.dependencies import S3Access, S3Rights, TableAccess, WorkspaceAccess
from worker.application.consuming.priorities import PriorityQueues
from worker.application.consuming.slots import Slots
from worker.application.jobs.attempt import JobLimits
from worker.application.jobs.cancel_watch import CancelWatch
from worker.application.jobs.conversion import Conversion
from worker.application.jobs.dependency_watch import DependencyWatch
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache
from worker.application.progress.job_progress import JobProgress
from worker.domain.job import Job
from worker.domain.outcome import Completed, Ending, Lost, PutOff
from worker.domain.progress import OutputRecord, Record, Stage, Version
from worker.ports import Delivery, ObjectStore

if TYPE_CHECKING:
    from tests.simulation.queue.world import World

CONCURRENCY = 2
LIMITS = JobLimits(
    LEASE_SECONDS, job_timeout_seconds=600, stall_seconds=20, max_attempts=MAX_ATTEMPTS, max_crashes=MAX_CRASHES
)
_DRAIN_SECONDS = 20.0
_DELETE_SECONDS = 0.02
_TICK_SECONDS = 1.0  # longer than in production: what ticks write is the subject of the other simulation


class Worker:
    """A process."""

    def __init__(self, world: World, place: int, number: int) -> None:
        self.world = world
        self.place = place
        self.name = f"w{place}.{number}"
        self.skew = timedelta()
        self.is_over = False
        base, schedule = world.loop, world.schedule
        # asyncio needs no more of a loop than these have
        self.loop: Any = ProcessLoop(base) if schedule.may_stand_still(place) else base  # type: ignore[abstract]
        self.network = world.network(worker_at(place))
        self.table = JobTableClient(world.table, self.network, self.name, world.checker)
        redis = SimulatedRedis(world.redis, self.network, tick_seconds=_TICK_SECONDS)
        table_access = TableAccess(self.table)
        store = FailoverStore(
            self.table,
            GuardedCache(redis, now=self.now, random=world.rng.random),
            on_table_failure=table_access.failed,
        )
        clients = [QueueClient(queue, self.network, self._received) for queue in world.queues]
        queue = clients[0] if len(clients) == 1 else _TimedQueues(clients)
        self._queue = queue
        cancels = CancelWatch(self.table)
        self.slots = Slots(CONCURRENCY)
        self.s3 = S3Client(world.checker.targets, self.network)
        objects = MemoryObjects()
        self._watch = DependencyWatch(
            table_access, S3Access(objects), S3Rights(objects), WorkspaceAccess(lambda: None)
        )
        handling = self._handling(store, cancels)
        renewer, self.consumer = a_consumer(
            queue,
            handling.handler(),
            concurrency=self.slots,
            lease_seconds=LEASE_SECONDS,
            poll_seconds=POLL_SECONDS,
            random=world.rng.random,
            causes=self._watch.causes,
            suspicion=self._watch.suspicion,
        )
        beside = [renewer.run(), store.run(), handling.claims.run()]
        if schedule.has(CancelRequest):
            beside.append(cancels.run())
        self._side_tasks = [self.loop.create_task(each) for each in beside]
        self._task = self.loop.create_task(self._run())
        world.checker.outages.worker_begins(self.name)
        world.checker.noted(f"{self.name} begins")

    def _handling(self, store: FailoverStore, cancels: CancelWatch) -> Handling:
        return Handling(
            self.table,
            store,
            cast("Conversion", SimulatedConversion(self)),
            cast("PublishedOutputs", SimulatedOutputs(self)),
            cancels,
            LIMITS,
            worker=self.name,
            now=self.now,
            random=self.world.rng.random,
            slots=self.slots,
            publisher=SimulatedPublisher(self.network, self.world.checker.published_ends.published),
            on_end=self._ended,
        )

    def _ended(self, ending: Ending, job: Job | None) -> None:
        self._watch.ended(ending, job)
        if isinstance(ending, Lost) and job is not None:
            self.world.checker.lease_lost(self.name, self.place, job.job_id)
        if isinstance(ending, PutOff):
            self.world.checker.outages.put_off(self.name)

    def now(self) -> datetime:
        return self.world.now() + self.skew

    @property
    def is_idle(self) -> bool:
        is_frozen = isinstance(self.loop, ProcessLoop) and self.loop.is_frozen
        return self.is_over or not (is_frozen or self.consumer.status().jobs)

    @property
    def has_given_up(self) -> bool:
        """Whether its poll loop has ended by itself."""
        return not (self.network.is_cut or self.consumer.status().is_alive)

    def drain(self) -> None:
        self.world.checker.draining.add(self.name)
        now = self.world.loop.now
        self.consumer.stop(jobs_until=now + _DRAIN_SECONDS * 0.75, settle_until=now + _DRAIN_SECONDS)

    def kill(self) -> None:
        """Kill the process: nothing that it sends from now on arrives."""
        if not self.network.is_cut:
            self.world.checker.killed(self.name)
            self._cut()

    def _cut(self) -> None:
        if not self.network.is_cut:
            self.network.is_cut = True
            self.thaw()
            self._task.cancel()

    def freeze(self) -> None:
        if not self.network.is_cut:
            self.loop.freeze()

    def thaw(self) -> None:
        if isinstance(self.loop, ProcessLoop):
            self.loop.thaw()

    async def end(self) -> None:
        """End it when all is over, and wait until its tasks have ended."""
        self._cut()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            await self.consumer.run()
            self.world.checker.noted(f"{self.name} has drained")
        finally:
            for task in self._side_tasks:
                task.cancel()
            self.is_over = True
            self.world.ended(self)

    def _received(self, slots: int, deliveries: Sequence[Delivery], began_at: float) -> None:
        if not self.network.is_cut:
            if isinstance(self._queue, _TimedQueues):  # its calls are one receive
                began_at = self._queue.began_at
            self.world.checker.outages.polled(self.name, self.world.loop.now - began_at)
            self.world.checker.received(self.name, slots, len(deliveries), CONCURRENCY)


class _TimedQueues(PriorityQueues):
    """Knows when its last receive began."""

    began_at = 0.0

    async def receive(self, slots: int, *, is_long: bool = True) -> Sequence[Delivery]:
        self.began_at = asyncio.get_running_loop().time()
        return await super().receive(slots, is_long=is_long)


class SimulatedConversion:
    """Takes the place of `Conversion`: it does what the job's script says, without files."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._world = worker.world
        self._outputs = SimulatedOutputs(worker)

    async def run(
        self, job: Job, progress: JobProgress, *, before_upload: Callable[[], Awaitable[None]], claimed: Record
    ) -> Completed:
        worker, checker = self._worker, self._world.checker
        script = self._world.schedule.scripts[number_of(job.job_id)]
        claim = worker.table.claims[job.job_id]
        checker.begins(claim, CONCURRENCY, is_suspect=worker.table.marks[job.job_id].is_suspect)

        async def confirm() -> None:
            asked_at = self._world.loop.now
            await before_upload()
            if not worker.network.is_cut:
                checker.publishes(worker.place, claim, asked_at)

        word = script.attempt(claim.attempt + claim.run - 1)
        try:
            if script.pieces is not None:
                return await convert_long(worker, script, word, job, progress, confirm, claim)
            await self._convert(script, word, progress)
            checker.targets.converted(claim)
            await confirm()
            progress.enter(Stage.UPLOADING)
            if not worker.network.is_cut:
                checker.targets.put(claim)
            await _go_on(script.seconds / 5, progress)  # for the other outputs
            return Completed(tuple(OutputRecord(str(output.target), 1, 1.0, "00") for output in job.outputs))
        finally:
            checker.ends(worker.name, job.job_id)

    async def _convert(self, script: Script, word: str, progress: JobProgress) -> None:
        progress.enter(Stage.CONVERTING)
        await _go_on(script.seconds / 2, progress)
        await meet(word, self._worker)
        progress.advance(0.5)
        await _go_on(script.seconds / 2, progress)

    async def drop_unfinished(self, job: Job) -> None:
        await self._outputs.drop_unfinished(job)


async def _go_on(seconds: float, progress: JobProgress) -> None:
    """Take so long, and move often enough to be no stall."""
    while seconds > LIMITS.stall_seconds / 2:
        await asyncio.sleep(LIMITS.stall_seconds / 2)
        seconds -= LIMITS.stall_seconds / 2
        progress.advance(0.5)
    await asyncio.sleep(seconds)


class SimulatedOutputs:
    """The real `PublishedOutputs` for long outputs. For others it does the same, without an object."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._long = PublishedOutputs(cast("ObjectStore", SimulatedObjects(worker.s3, None)))

    async def retract(self, job: Job, run: int, until: Version) -> None:
        if self._is_long(job):
            await self._long.retract(job, run, until)
            return
        await asyncio.sleep(_DELETE_SECONDS)
        if not self._worker.network.is_cut:
            self._worker.world.checker.retracted(self._worker.name, job.job_id, run)

    async def drop_unfinished(self, job: Job) -> None:
        if self._is_long(job):
            await self._long.drop_unfinished(job)

    def _is_long(self, job: Job) -> bool:
        return self._worker.world.schedule.scripts[number_of(job.job_id)].pieces is not None

    async def drop_hidden(self, job: Job, until: Version) -> None:
        """Do nothing: no output has several objects."""
