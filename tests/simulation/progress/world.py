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

from tests.simulation.core.publishing import SimulatedPublisher
from tests.simulation.core.stores import SimulatedJobTable, SimulatedRedis
from tests.simulation.core.world import BaseWorld
from tests.simulation.progress.invariants import Checker
from tests.simulation.progress.messages import Messages
from tests.simulation.progress.observed import JOB_SECONDS, ObservedCache, ObservedStore
from tests.simulation.progress.schedule import READERS, WORKERS, Schedule
from tests.simulation.progress.servers import JobTableServer, RedisServer
from tests.simulation.progress.workers import Worker
from tests.support.handling import a_cancellation, runs_and_finisher
from worker.application.jobs.completion_events import CompletionEvents
from worker.application.jobs.retry import JobRetry
from worker.application.progress.reader import Reader
from worker.application.progress.reporter import Reporter
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record, first_record
from worker.domain.refusals import NotRetriedError
from worker.events import Event
from worker.ports import StoreUnavailableError

_BACK_ON_REDIS_SECONDS = 5.0  # as tests/system/test_redis_outage.py measures of real processes
_LONGEST_RUN_SECONDS = 100.0
_CANCEL_SECONDS = 20.0
_ASK_AGAIN_SECONDS = 0.5
_SKEWS = (0.0, 0.0, 0.0, 1.5, -1.5)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is under test; a mutation replaces one of them."""

    store: type[ObservedStore] = ObservedStore
    cache: type[ObservedCache] = ObservedCache
    reader: type[Reader] = Reader
    redis: type[RedisServer] = RedisServer
    table: type[JobTableServer] = JobTableServer
    events: type[CompletionEvents] = CompletionEvents
    reporter: type[Reporter] = Reporter


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
        """Read the job's record. Returns whether the answer was final and fresh."""
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
        self._retries: list[asyncio.Task[None]] = []

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

    def retry(self, party: str, job: int) -> None:
        """The party retries the job, until there is an answer."""
        messages = self.messages[job]
        self._retries.append(self.loop.create_task(self._retry(party, messages), name=f"retry of {messages.job_id}"))

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

    async def _retry(self, party: str, messages: Messages) -> None:
        network = self.network(party)
        table, redis = SimulatedJobTable(self.table, network, JOB_SECONDS), SimulatedRedis(self.redis, network)
        publisher = SimulatedPublisher(network, self.checker.published_ends.published)
        runs, finisher = runs_and_finisher(table, redis, now=self.now, publisher=publisher)
        retry = JobRetry(table, runs, finisher, messages)
        self.checker.retry_begins(messages.job_id)
        while True:
            with suppress(StoreUnavailableError, DependencyUnavailableError):
                with suppress(NotRetriedError):
                    await retry.retry(messages.job_id)
                break
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        self.checker.retry_ends(messages.job_id)

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
        await asyncio.sleep(self.began_at + self.schedule.last_end - self.loop.now)
        for retry in self._retries:
            await retry
        for messages in self.messages:
            await messages.wait_until_deleted()
            self.checker.published_ends.require(messages.job_id)
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
