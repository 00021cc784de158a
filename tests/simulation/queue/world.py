"""The world of one schedule: workers, a queue, two stores, a client, and the invariants at every step.

Consumer, lease renewer, settlement, handler, attempt, store, reporter and both sides of a cancellation are the real
ones. Simulated are SQS and the stores behind connections that fail, conversions that take their time, and processes
that are killed, frozen and drained.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from tests.fakes.stores import FakeProgressCache
from tests.simulation.core.publishing import SimulatedPublisher
from tests.simulation.core.stores import SimulatedRedis
from tests.simulation.core.world import BaseWorld
from tests.simulation.queue.clients import JobTableClient
from tests.simulation.queue.invariants import Checker
from tests.simulation.queue.link_faults import SOMEBODY
from tests.simulation.queue.schedule import Schedule
from tests.simulation.queue.servers import JobTableServer, QueueServer
from tests.simulation.queue.worker import Worker
from tests.support.deliveries import SENT_AT_MS
from tests.support.handling import a_cancellation, runs_and_finisher
from worker.application.jobs.retry import JobRetry
from worker.domain.backoff import Backoff
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import first_record
from worker.domain.refusals import NotRetriedError
from worker.ports import StoreUnavailableError

_RESTART_SECONDS = 2.0
# Retries are up to 900 s apart, of which five may be due.
_LONGEST_SECONDS = 3 * 3600.0
_LOOK_SECONDS = 2.0  # longer than a write that was given up takes to arrive
_ASK_AGAIN = Backoff(first_seconds=1, factor=2, cap_seconds=30, floor=1)


class World(BaseWorld[Schedule, Checker]):
    """Everything of one run."""

    def __init__(self, schedule: Schedule, checker: type[Checker]) -> None:
        super().__init__(schedule)
        self.checker = checker(self.loop, schedule)
        self.table = JobTableServer(self.checker)
        self.redis = FakeProgressCache()
        self.queues = [QueueServer(self.checker, schedule.in_flight_limit) for _ in range(schedule.queues)]
        for queue in self.queues:
            queue.share_ids(self.queues[0])
        self.workers: dict[int, Worker] = {}
        self._all_workers: list[Worker] = []
        self._message_ids: dict[int, str] = {}  # by job: its first
        self._to_come = schedule.still_to_come
        self._is_closing = False

    def now(self) -> datetime:
        return datetime.fromtimestamp(SENT_AT_MS / 1000 + self.loop.now, UTC)

    def ended(self, worker: Worker) -> None:
        if not self._is_closing:
            self.loop.call_later(_RESTART_SECONDS, self._start, worker.place)

    def log_event(self, event: str, fields: Mapping[str, object]) -> None:
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
            self.loop.call_later(script.arrives_at, self.send, number)
        for each in self.schedule.events:
            self.loop.call_later(each.at, each.happen, self)
        over: asyncio.Future[None] = self.loop.create_future()
        self._look(over, self.began_at + self.schedule.calm_at + _LONGEST_SECONDS)
        await over
        await asyncio.sleep(_LOOK_SECONDS)
        await self._end()

    def _look(self, over: asyncio.Future[None], last: float) -> None:
        """Set `over` when all is done. Looks again and again until then, up to the time `last`."""
        if self._is_over():
            over.set_result(None)
            return
        if self.loop.now > last:
            self.checker.violated(f"{self._messages} messages are never settled")
        self.loop.call_later(_LOOK_SECONDS, self._look, over, last)

    @property
    def _messages(self) -> int:
        return sum(map(len, self.queues))

    def _queue_of(self, number: int) -> QueueServer:
        return self.queues[self.schedule.scripts[number].priority]

    def _is_over(self) -> bool:
        """Whether nothing is left to be done. What would happen to idle workers after that does not matter."""
        return not (self._to_come or self._messages) and all(each.is_idle for each in self.workers.values())

    async def _end(self) -> None:
        self._is_closing = True
        for worker in self._all_workers:
            if worker.has_given_up:
                self.checker.violated(f"{worker.name} has stopped polling, and was not asked to")
        for worker in self._all_workers:
            await worker.end()
        for number, script in enumerate(self.schedule.scripts):
            if script.is_readable:
                self.checker.check_the_end(f"job-{number}")

    def _start(self, place: int) -> None:
        worker = Worker(self, place, len(self._all_workers))
        self.workers[place] = worker
        self._all_workers.append(worker)

    # --- what happens by the schedule --------------------------------------------------------------------------------

    def send(self, number: int) -> None:
        """Send a message of the job."""
        script = self.schedule.scripts[number]
        self._to_come -= 1
        job_id = f"job-{number}"
        target = f"s3://targets/{job_id}"
        outputs = [{"target": target, "format": "mp3" if script.pieces is None else "wav"}]
        body = json.dumps({"job_id": job_id, "source": "s3://sources/a.wav", "outputs": outputs})
        if script.is_submitted and script.is_readable:
            self.table.put_if_unchanged(first_record(job_id, None, (target,), self.now()), None)
        message_id = self._queue_of(number).send(body if script.is_readable else body[:-1], group_id=script.group)
        self.checker.message_sent(message_id, job_id if script.is_readable else None, script.group)
        self._message_ids.setdefault(number, message_id)

    def deliver_again(self, number: int) -> None:
        """Let the job's first message be received although a worker may hold it."""
        message_id = self._message_ids.get(number, "")
        queue = self._queue_of(number)
        if queue.visible_in(message_id) is not None:
            queue.deliver_again(message_id)

    def cancel(self, number: int) -> None:
        """Somebody asks for the job's cancellation, until there is an answer."""
        self.loop.create_task(self._cancel(f"job-{number}"))

    def send_back(self, number: int) -> None:
        """Move the job's newest dead letter back, if there is one, and leave a copy."""
        self._to_come -= 1
        queue = self._queue_of(number)
        for letter in reversed(queue.dead_letters):
            rejection = letter.rejection
            if rejection is not None and rejection.job_id == f"job-{number}":
                self.checker.runs[rejection.job_id].asked.add(rejection.run + 1)
                self.checker.message_sent(queue.send_back(letter), rejection.job_id, letter.group_id)
                return

    def retry(self, number: int) -> None:
        """Somebody asks for a new run of the job, until there is an answer."""
        self.loop.create_task(self._retry(number))

    async def _retry(self, number: int) -> None:
        job_id, network = f"job-{number}", self.network(SOMEBODY)
        table = JobTableClient(self.table, network, SOMEBODY, self.checker)
        publisher = SimulatedPublisher(network, self.checker.published_ends.published)
        redis = SimulatedRedis(self.redis, network)
        runs, finisher = runs_and_finisher(table, redis, now=self.now, publisher=publisher)
        self.checker.runs[job_id].retries += 1
        for failures in itertools.count(1):
            with suppress(StoreUnavailableError, DependencyUnavailableError):
                with suppress(NotRetriedError):
                    await JobRetry(table, runs, finisher, Sender(self, job_id)).retry(job_id)
                break
            await asyncio.sleep(_ASK_AGAIN.delay(failures, random=0.0))
        self.checker.runs[job_id].retries -= 1
        self._to_come -= 1

    async def _cancel(self, job_id: str) -> None:
        network = self.network(SOMEBODY)
        table = JobTableClient(self.table, network, SOMEBODY, self.checker)
        cancellation = a_cancellation(table, SimulatedRedis(self.redis, network), now=self.now)
        for failures in itertools.count(1):
            with suppress(StoreUnavailableError, DependencyUnavailableError):
                record = await cancellation.cancel(job_id)
                self.checker.noted(f"the answer to a cancel request is that {job_id} is {record and record.status}")
                return
            await asyncio.sleep(_ASK_AGAIN.delay(failures, random=0.0))


class Sender:
    """The sender of `worker retry`. Sending always succeeds."""

    def __init__(self, world: World, job_id: str) -> None:
        self._world = world
        self._job_id = job_id

    async def send(self, body: str, *, group_id: str | None = None, **_: object) -> str:
        await asyncio.sleep(0)
        is_fifo = self._world.schedule.scripts[0].group is not None
        group = group_id if is_fifo else None
        message_id = self._world.queues[0].send(body, group_id=group)
        self._world.checker.message_sent(message_id, self._job_id, group)
        return message_id
