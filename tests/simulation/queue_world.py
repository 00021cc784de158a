"""One schedule, played: three workers, a queue, two stores, and the invariants at every step.

Consumer, lease keeper, settlement, handler, attempt, store and reporter are the real ones. Played are SQS and the
stores behind links that fail, conversions that take their time, and processes that are killed, frozen and drained.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from tests.fakes.stores import FakeAccelerator
from tests.simulation.queue_checker import Checker, ViolationError
from tests.simulation.queue_loop import ProcessLoop
from tests.simulation.queue_schedule import LEASE_SECONDS, WORKERS, Incident, Schedule, Script
from tests.simulation.queue_servers import (
    POLL_SECONDS,
    LedgerClient,
    LedgerServer,
    Network,
    QueueClient,
    QueueServer,
    RedisClient,
)
from tests.support.deliveries import SENT_AT_MS
from tests.support.lean_loop import LeanLoop
from worker import events
from worker.application.attempt import Rules
from worker.application.cancellation import CancelWatch
from worker.application.consumer import Consumer
from worker.application.conversion import Conversion, Journey
from worker.application.failover import FailoverStore
from worker.application.handler import Handler
from worker.application.lease import LeaseKeeper
from worker.domain.errors import ConverterCrashedError, NoAudioError
from worker.domain.job import Job
from worker.domain.progress import OutputRecord, Stage
from worker.ports import Delivery

CONCURRENCY = 2
RULES = Rules(LEASE_SECONDS, job_timeout_seconds=600, stall_seconds=20, max_attempts=4)
_DRAIN_SECONDS = 20.0
_RESTART_SECONDS = 2.0
# Retries are up to 900 s apart, of which five may be due.
_LONGEST_SECONDS = 3 * 3600.0
_LOOK_SECONDS = 2.0


class SimulatedConversion:
    """What `Conversion` does, as the job's script has it, without a byte."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def run(
        self, job: Job, journey: Journey, *, before_upload: Callable[[], Awaitable[None]]
    ) -> tuple[OutputRecord, ...]:
        worker = self._worker
        checker = worker.world.checker
        checker.begins(worker.name, job.job_id, CONCURRENCY)
        try:
            claim = worker.ledger.claims[job.job_id]
            await self._convert(worker.world.script_of(job.job_id), claim.attempt, journey)
            asked_at = worker.world.base.now
            await before_upload()
            journey.enter(Stage.UPLOADING)
            if not worker.network.is_cut:
                checker.publishes(claim, asked_at)
            await asyncio.sleep(0.2)
            return tuple(OutputRecord(str(output.target), 1, 1.0, "00") for output in job.outputs)
        finally:
            checker.ends(worker.name)

    async def _convert(self, script: Script, attempt: int, journey: Journey) -> None:
        how = script.attempt(attempt)
        steps = 4
        journey.enter(Stage.CONVERTING)
        for step in range(1, steps + 1):
            await asyncio.sleep(script.seconds / steps)
            journey.advance(step / steps)
            if step == steps // 2:
                await self._meet(how)

    async def _meet(self, how: str) -> None:
        match how:
            case "fail":
                raise NoAudioError
            case "stumble":
                raise ConverterCrashedError("by the schedule")
            case "crash":
                self._worker.world.kill(self._worker)
                await asyncio.sleep(0)
            case "hang":
                await asyncio.get_running_loop().create_future()

    async def drop_unfinished(self, job: Job) -> None:
        """Nothing is left half done here."""

    async def retract(self, job: Job) -> None:
        """Nobody cancels here."""


class Worker:
    """A process."""

    def __init__(self, world: World, place: int, number: int) -> None:
        self.world = world
        self.place = place
        self.name = f"w{place}.{number}"
        self.skew = timedelta()
        self.is_over = False
        base, checker, rng = world.base, world.checker, world.rng
        # asyncio needs no more of a loop than these have
        self.loop: Any = ProcessLoop(base) if world.freezes(place) else base  # type: ignore[abstract]
        weather = [each for each in world.schedule.weather if each.worker in {None, place}]
        self.network = network = Network(base, rng, weather, world.began_at)
        self.ledger = LedgerClient(world.ledger, network, base)
        queue = QueueClient(world.queue, network, self._received)
        store = FailoverStore(self.ledger, RedisClient(world.redis, network, base), now=self.now, random=rng.random)
        keeper = LeaseKeeper(queue, lease_seconds=LEASE_SECONDS, random=rng.random)
        handler = Handler(
            store,
            cast("Conversion", SimulatedConversion(self)),
            RULES,
            register=self.ledger,
            cancels=CancelWatch(self.ledger),
            worker=self.name,
            now=self.now,
            random=rng.random,
        )
        self.consumer = Consumer(
            queue,
            handler,
            keeper,
            concurrency=CONCURRENCY,
            lease_seconds=LEASE_SECONDS,
            random=rng.random,
            poll_seconds=POLL_SECONDS,
        )
        self._side_tasks = [self.loop.create_task(each.run()) for each in (keeper, store)]
        self._task = self.loop.create_task(self._run())
        checker.noted(f"{self.name} begins")

    def now(self) -> datetime:
        return self.world.now() + self.skew

    def drain(self) -> None:
        self.world.checker.draining.add(self.name)
        now = self.world.base.now
        self.consumer.stop(jobs_until=now + _DRAIN_SECONDS * 0.75, settle_until=now + _DRAIN_SECONDS)

    def kill(self) -> None:
        """From now on nothing that it does reaches anybody."""
        self.world.checker.noted(f"{self.name} is killed")
        self.network.is_cut = True
        self.thaw()
        self._task.cancel()

    def freeze(self) -> None:
        self.loop.freeze()

    def thaw(self) -> None:
        if isinstance(self.loop, ProcessLoop):
            self.loop.thaw()

    async def end(self) -> None:
        """Wait until nothing of it is left."""
        self.kill()
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

    def _received(self, slots: int, deliveries: Sequence[Delivery]) -> None:
        if not self.network.is_cut:
            self.world.checker.received(self.name, slots, len(deliveries), CONCURRENCY)


class World:
    """Everything of one run."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.base = LeanLoop()  # type: ignore[abstract]  # asyncio needs no more of it
        self.began_at = self.base.now
        self.rng = random.Random(schedule.seed + 1)
        self.checker = Checker(self.base)
        self.ledger = LedgerServer(self.checker)
        self.redis = FakeAccelerator()
        self.queue = QueueServer(self.checker, schedule.in_flight_limit)
        self._workers: dict[int, Worker] = {}
        self._all_workers: list[Worker] = []
        self._message_ids: list[str] = []
        self._is_closing = False

    def now(self) -> datetime:
        return datetime.fromtimestamp(SENT_AT_MS / 1000 + self.base.now, UTC)

    def freezes(self, place: int) -> bool:
        return any(each.kind == "freeze" and each.whom == place for each in self.schedule.incidents)

    def script_of(self, job_id: str) -> Script:
        return self.schedule.scripts[int(job_id.removeprefix("job-"))]

    def kill(self, worker: Worker) -> None:
        if not worker.network.is_cut:
            worker.kill()

    def ended(self, worker: Worker) -> None:
        if not self._is_closing:
            self.base.call_later(_RESTART_SECONDS, self._start, worker.place)

    async def play(self) -> None:
        for place in range(WORKERS):
            self._start(place)
        for number, script in enumerate(self.schedule.scripts):
            self.base.call_later(script.arrives_at, self._send, number, script)
        for each in self.schedule.incidents:
            self.base.call_later(each.at, self._happen, each)
        calm_at = self.began_at + self.schedule.calm_at
        while self.base.now < calm_at or len(self.queue):
            if self.base.now > calm_at + _LONGEST_SECONDS:
                self.checker.violated(f"{len(self.queue)} messages are never settled")
            await asyncio.sleep(_LOOK_SECONDS)
        self._is_closing = True
        for worker in self._all_workers:
            await worker.end()
        for number, script in enumerate(self.schedule.scripts):
            if script.is_readable:
                self.checker.check_the_end(f"job-{number}", may_fail=set(script.attempts) != {"well"})

    def _start(self, place: int) -> None:
        worker = Worker(self, place, len(self._all_workers))
        self._workers[place] = worker
        self._all_workers.append(worker)

    def _send(self, number: int, script: Script) -> None:
        job_id = f"job-{number}"
        outputs = [{"target": f"s3://targets/{job_id}", "format": "mp3"}]
        body = json.dumps({"job_id": job_id, "source": "s3://sources/a.wav", "outputs": outputs})
        message_id = self.queue.send(body if script.is_readable else body[:-1])
        if script.is_readable:
            self.checker.jobs[message_id] = job_id
        self._message_ids.append(message_id)

    def _happen(self, each: Incident) -> None:
        worker = self._workers[each.whom]
        self.checker.noted(f"{each.kind} {worker.name} {each.amount}")
        match each.kind:
            case "kill":
                self.kill(worker)
            case "drain":
                worker.drain()
            case "freeze":
                worker.freeze()
                self.base.call_later(each.amount, worker.thaw)
            case "jump":
                worker.skew += timedelta(seconds=each.amount)
            case "duplicate" if each.whom < len(self._message_ids):
                message_id = self._message_ids[each.whom]
                if self.queue.visible_in(message_id) is not None:
                    self.queue.deliver_again(message_id)


class _Log:
    """Stands where structlog would."""

    def __init__(self, checker: Checker) -> None:
        self._write = checker.noted

    def info(self, event: str, **fields: object) -> None:
        if event == "handler.crashed" or "exception" in fields:
            raise AssertionError(f"a bug: {fields}") from cast("Exception", fields["exception"])
        self._write(f"log: {event}")

    debug = warning = error = info


@contextmanager
def _listening(checker: Checker) -> Iterator[None]:
    log = events._log
    events._log = cast("Any", _Log(checker))
    try:
        yield
    finally:
        events._log = log


def play(schedule: Schedule) -> str | None:
    """Run the schedule. None, or what was violated, with the history."""
    world = World(schedule)
    with _listening(world.checker):
        try:
            world.base.run(world.play())
        except ViolationError as violation:
            return "\n".join([str(schedule), "what happened:", *world.checker.lines, f"violated: {violation}"])
    return None
