"""One schedule, played: workers, a queue, two stores, somebody who cancels, and the invariants at every step.

Consumer, lease keeper, settlement, handler, attempt, store, reporter and both sides of a cancellation are the real
ones. Played are SQS and the stores behind links that fail, conversions that take their time, and processes that are
killed, frozen and drained.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from tests.fakes.stores import FakeProgressCache
from tests.simulation.listening import listening
from tests.simulation.queue_checker import Checker, ViolationError
from tests.simulation.queue_clients import JobTableClient, Network, RedisClient
from tests.simulation.queue_schedule import Incident, Schedule, Script
from tests.simulation.queue_servers import JobTableServer, QueueServer
from tests.simulation.queue_worker import Worker
from tests.support.deliveries import SENT_AT_MS
from tests.support.lean_loop import LeanLoop
from worker.application.jobs.cancellation import Cancellation
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import first_record
from worker.ports import StoreUnavailableError

_RESTART_SECONDS = 2.0
# Retries are up to 900 s apart, of which five may be due.
_LONGEST_SECONDS = 3 * 3600.0
_LOOK_SECONDS = 2.0  # longer than a write that was given up takes to arrive
_ASK_AGAIN_SECONDS = 1.0


class World:
    """Everything of one run."""

    def __init__(self, schedule: Schedule, checker: type[Checker] = Checker) -> None:
        self.schedule = schedule
        self.base = LeanLoop()  # type: ignore[abstract]  # asyncio needs no more of it
        self.began_at = self.base.now
        self.rng = random.Random(schedule.seed + 1)
        self.checker = checker(self.base, schedule)
        self.table = JobTableServer(self.checker)
        self.redis = FakeProgressCache()
        self.queue = QueueServer(self.checker, schedule.in_flight_limit)
        self._workers: dict[int, Worker] = {}
        self._all_workers: list[Worker] = []
        self._message_ids: dict[int, str] = {}  # by job: its first
        self._to_come = len(schedule.scripts) + sum(each.kind == "again" for each in schedule.events)
        self._is_closing = False

    def now(self) -> datetime:
        return datetime.fromtimestamp(SENT_AT_MS / 1000 + self.base.now, UTC)

    def network(self, place: int | None) -> Network:
        """The way out of a worker, or of somebody who is none."""
        weather = [each for each in self.schedule.weather if each.worker in {None, place}]
        return Network(self.base, self.rng, weather, self.began_at)

    def ended(self, worker: Worker) -> None:
        if not self._is_closing:
            self.base.call_later(_RESTART_SECONDS, self._start, worker.place)

    def heard(self, event: str, fields: Mapping[str, object]) -> None:
        """A log event of the code under test."""
        self.checker.noted(f"log: {event}")
        if "exception" in fields:
            self.checker.violated(f"a bug: {fields}")

    async def play(self) -> None:
        try:
            await self._play()
        finally:
            self._is_closing = True
            for worker in self._all_workers:
                worker.kill()

    async def _play(self) -> None:
        for place in range(self.schedule.workers):
            self._start(place)
        for number, script in enumerate(self.schedule.scripts):
            self.base.call_later(script.arrives_at, self._send, number, script)
        for each in self.schedule.events:
            self.base.call_later(each.at, self._happen, each)
        last = self.began_at + self.schedule.calm_at + _LONGEST_SECONDS
        while not self._is_over():
            if self.base.now > last:
                self.checker.violated(f"{len(self.queue)} messages are never settled")
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_LOOK_SECONDS)
        await self._end()

    def _is_over(self) -> bool:
        """Whether nothing is left to be done. What would befall idle workers after that is of no interest."""
        return not (self._to_come or len(self.queue)) and all(each.is_idle for each in self._workers.values())

    async def _end(self) -> None:
        self._is_closing = True
        for worker in self._all_workers:
            if worker.has_given_up:
                self.checker.violated(f"{worker.name} has stopped to poll, and nobody told it to")
        for worker in self._all_workers:
            await worker.end()
        for number, script in enumerate(self.schedule.scripts):
            if script.is_readable:
                self.checker.check_the_end(f"job-{number}")

    def _start(self, place: int) -> None:
        worker = Worker(self, place, len(self._all_workers))
        self._workers[place] = worker
        self._all_workers.append(worker)

    def _send(self, number: int, script: Script) -> None:
        self._to_come -= 1
        job_id = f"job-{number}"
        target = f"s3://targets/{job_id}"
        outputs = [{"target": target, "format": "mp3"}]
        body = json.dumps({"job_id": job_id, "source": "s3://sources/a.wav", "outputs": outputs})
        if script.is_submitted and script.is_readable:
            self.table.put_if_unchanged(first_record(job_id, None, (target,), self.now()), None)
        message_id = self.queue.send(body if script.is_readable else body[:-1], group_id=script.group)
        self.checker.message_sent(message_id, job_id if script.is_readable else None, script.group)
        self._message_ids.setdefault(number, message_id)

    def _happen(self, each: Incident) -> None:
        self.checker.noted(f"{each.kind} {each.whom} {each.amount}")
        match each.kind:
            case "again":
                self._send(each.whom, self.schedule.scripts[each.whom])
            case "cancel":
                self.base.create_task(self._cancel(f"job-{each.whom}"))
            case "duplicate":
                message_id = self._message_ids.get(each.whom, "")
                if self.queue.visible_in(message_id) is not None:
                    self.queue.deliver_again(message_id)
            case _:
                self._befall(self._workers[each.whom], each)

    def _befall(self, worker: Worker, each: Incident) -> None:
        match each.kind:
            case "kill":
                worker.kill()
            case "drain":
                worker.drain()
            case "freeze":
                worker.freeze()
                self.base.call_later(each.amount, worker.thaw)
            case "jump":
                worker.skew += timedelta(seconds=each.amount)

    async def _cancel(self, job_id: str) -> None:
        network = self.network(None)
        table = JobTableClient(self.table, network, self.base, "somebody", self.checker)
        cancellation = Cancellation(table, RedisClient(self.redis, network, self.base), now=self.now)
        while True:
            with suppress(StoreUnavailableError, DependencyUnavailableError):
                record = await cancellation.cancel(job_id)
                self.checker.noted(f"somebody is told that {job_id} is {record and record.status}")
                return
            await asyncio.sleep(_ASK_AGAIN_SECONDS)


def run(world: World) -> ViolationError | None:
    """Play what the world was made for, once."""
    with listening(world.heard):
        try:
            world.base.run(world.play())
        except ViolationError as violation:
            return violation
    return None


def play(schedule: Schedule) -> ViolationError | None:
    """Run the schedule; the violation that ended it, if one did."""
    return run(World(schedule))
