"""The world of one schedule: two workers, two readers, two stores, and the invariants after every step.

The store, the circuit, the prober, the reporter, the reader and the rule of claims are the real ones. Simulated are a
queue that delivers again, processes that crash, connections that fail, and readers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from tests.simulation.core.stores import SimulatedJobTable, SimulatedRedis
from tests.simulation.core.world import BaseWorld
from tests.simulation.progress.invariants import Checker
from tests.simulation.progress.observed import JOB_SECONDS, ObservedCache, ObservedStore
from tests.simulation.progress.schedule import READERS, WELL, WORKERS, Duplicate, Schedule
from tests.simulation.progress.servers import JobTableServer, RedisServer
from tests.simulation.progress.workers import Worker
from tests.support.handling import a_cancellation
from worker.application.progress.reader import Reader
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record, first_record
from worker.events import Event
from worker.ports import StoreUnavailableError

_FIRST_FENCE = 1_795_000_000_000_000
_BACK_ON_REDIS_SECONDS = 5.0  # contract, section 9
_LONGEST_RUN_SECONDS = 100.0
_CANCEL_SECONDS = 20.0
_SECONDS_AFTER_A_CRASH = 1.0
_SKEWS = (0.0, 0.0, 0.0, 1.5, -1.5)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is under test; a mutation replaces one of them."""

    store: type[ObservedStore] = ObservedStore
    cache: type[ObservedCache] = ObservedCache
    reader: type[Reader] = Reader
    redis: type[RedisServer] = RedisServer
    table: type[JobTableServer] = JobTableServer


class Messages:
    """The messages of one job, each delivered until it is deleted."""

    def __init__(self, world: World, number: int) -> None:
        self.job_id = f"job-{number}"
        self.are_deleted: asyncio.Future[None] = world.loop.create_future()
        duplicates = [each for each in world.schedule.events if isinstance(each, Duplicate) and each.job == number]
        self._left = 1 + len(duplicates)
        self._world = world
        self._scripts = world.schedule.scripts[number]
        self._deliveries = 0
        self._receives = 0

    def deliver(self, to: str, is_tie: bool = False) -> None:
        """Deliver one of them to a worker. With `is_tie` its fence is that of the last delivery."""
        script = self._scripts[self._deliveries] if self._deliveries < len(self._scripts) else WELL
        self._deliveries += 1
        self._receives += not is_tie
        fence = _FIRST_FENCE + self._receives
        worker = self._world.workers[to]
        task = worker.start(worker.handle(self.job_id, fence, script), f"{self.job_id} on {worker.name}")
        task.add_done_callback(lambda task: self._ended(task, is_tie))

    def _ended(self, task: asyncio.Task[float | None], is_tie: bool) -> None:
        delay = _SECONDS_AFTER_A_CRASH if task.cancelled() else task.result()
        if delay is not None:
            self._world.loop.call_later(delay, self.deliver, self._world.rng.choice(WORKERS), is_tie)
            return
        self._left -= 1
        if self._left == 0:
            self.are_deleted.set_result(None)


class AskedJobTable(SimulatedJobTable):
    """Knows whether it answered the last read, for a caller that handles the failure."""

    has_answered = False

    async def read(self, job_id: str) -> Record | None:
        self.has_answered = False
        record = await super().read(job_id)
        self.has_answered = True
        return record


class Session:
    """A reader that remembers what it has shown."""

    def __init__(self, world: World, party: str, name: str) -> None:
        self.name = name
        self._world = world
        network = world.network(party)
        self._table = AskedJobTable(world.table, network, JOB_SECONDS)
        self._reader = world.parts.reader(self._table, SimulatedRedis(world.redis, network), random=world.rng.random)

    async def read(self, job_id: str) -> bool:
        """True if the answer was final and fresh."""
        world, checker = self._world, self._world.checker
        bound, began_at = checker.read_bound(job_id), world.loop.now
        try:
            reading = await self._reader.read(job_id)
        except DependencyUnavailableError:
            return False
        finally:
            checker.took("a read", world.loop.now - began_at)
        checker.read(self.name, job_id, bound, reading, reached_table=self._table.has_answered)
        return reading.fresh and reading.record is not None and reading.record.is_final

    async def watch(self, job_id: str) -> None:
        async with aclosing(self._reader.watch(job_id)) as readings:
            async for reading in readings:
                self._world.checker.shown(self.name, job_id, reading.record)


class World(BaseWorld[Schedule, Checker]):
    """Everything of one run."""

    def __init__(self, schedule: Schedule, checker: type[Checker], parts: Parts | None = None) -> None:
        super().__init__(schedule)
        self.parts = parts or Parts()
        self.checker = checker(self.loop)
        self.redis = self.parts.redis(self.loop, self.checker)
        self.table = self.parts.table(self.checker)
        self.workers: dict[str, Worker] = {}
        self.messages = [Messages(self, number) for number in range(schedule.jobs)]
        self._all_workers: list[Worker] = []
        self._asking: list[asyncio.Task[None]] = []  # watches and cancel requests

    async def play(self) -> None:
        for name in WORKERS:
            self._start_worker(name)
        for number, message in enumerate(self.messages):
            if self.schedule.is_submitted:
                self.table.put_if_unchanged(first_record(message.job_id, None, (), self.now()), None)
            message.deliver(WORKERS[number])
        for event in self.schedule.events:
            self.loop.call_later(event.at, event.happen, self)
        readers = [self.loop.create_task(self._read_all(name), name=name) for name in READERS]
        try:
            async with asyncio.timeout(_LONGEST_RUN_SECONDS):
                await self._wait_for_the_end(readers)
        except TimeoutError:
            self.checker.violated(f"not over after {_LONGEST_RUN_SECONDS:.0f} s")

    def _start_worker(self, name: str) -> None:
        worker = Worker(self, name, len(self._all_workers), self.rng.choice(_SKEWS))
        self.workers[name] = worker
        self._all_workers.append(worker)

    # --- what events of the schedule do ------------------------------------------------------------------------------

    def replace_worker(self, name: str) -> None:
        """The worker's process dies, and another one takes its place."""
        self.workers[name].crash()
        self._start_worker(name)

    def cancel(self, party: str, job: int) -> None:
        """The party asks for the job's cancellation."""
        self._ask(self._cancel(party, self.messages[job].job_id), "a cancel request")

    def watch(self, party: str, job: int) -> None:
        """The party watches the job until it is final."""
        session = Session(self, party, f"{party}, watching")
        self._ask(session.watch(self.messages[job].job_id), session.name)

    def _ask(self, question: Coroutine[Any, Any, None], name: str) -> None:
        self._asking.append(self.loop.create_task(question, name=name))

    async def _cancel(self, party: str, job_id: str) -> None:
        network = self.network(party)
        table, redis = SimulatedJobTable(self.table, network, JOB_SECONDS), SimulatedRedis(self.redis, network)
        with suppress(StoreUnavailableError, DependencyUnavailableError):
            async with asyncio.timeout(_CANCEL_SECONDS):
                await a_cancellation(table, redis, now=self.now).cancel(job_id)

    # --- reads, and the end ------------------------------------------------------------------------------------------

    async def _read_all(self, who: str) -> Session:
        session = Session(self, who, who)
        for number, each in enumerate(self.schedule.reads(who)):
            await asyncio.sleep(self.began_at + each.at - self.loop.now)
            if each.is_new_session:
                session = Session(self, who, f"{who}, session {number}")
            await session.read(self.messages[each.job].job_id)
        return session

    async def _wait_for_the_end(self, readers: list[asyncio.Task[Session]]) -> None:
        sessions = [await reader for reader in readers]
        for messages in self.messages:
            await messages.are_deleted
        calm_at = self.began_at + max((each.end for each in self.schedule.link_faults), default=0.0)
        await asyncio.sleep(calm_at + _BACK_ON_REDIS_SECONDS - self.loop.now)
        self._check_the_circuits()
        await self._check_the_last_reads([*sessions, Session(self, READERS[0], "a new reader")])
        for asking in self._asking:
            await asking

    def _check_the_circuits(self) -> None:
        for worker in self.workers.values():
            store, circuit = worker.store, worker.circuit
            if store.cache_state != "connected" or store.outage is not None:
                self.checker.violated(f"{worker.name} is not back on Redis after {_BACK_ON_REDIS_SECONDS} s")
            expected = store.outages if self.schedule.mode == "failover" else 0
            if not circuit.failovers == circuit.failbacks == expected:
                self.checker.violated(
                    f"I8: {worker.name} had {store.outages} outages, failed over {circuit.failovers} times"
                    f" and back {circuit.failbacks} times"
                )

    async def _check_the_last_reads(self, sessions: list[Session]) -> None:
        for session in sessions:
            for message in self.messages:
                if not await session.read(message.job_id):
                    self.checker.violated(f"{session.name} does not see the end of {message.job_id}")

    def log_event(self, event: str, fields: Mapping[str, object]) -> None:
        if event not in {Event.PROGRESS_FAILED_OVER, Event.PROGRESS_FAILED_BACK}:
            return
        task = asyncio.current_task()
        for worker in self._all_workers:
            if task is not None and task.get_name() == f"prober of {worker.name}":
                if event == Event.PROGRESS_FAILED_OVER:
                    worker.circuit.failed_over()
                else:
                    worker.circuit.failed_back()
