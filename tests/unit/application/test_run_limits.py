"""A worker that was started for some messages, or until its queue is empty, stops by itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from tests.fakes.queue import FakeQueue, ScriptedFaults
from tests.support.consuming import OUTAGE, Job, JobHandler, a_consumer, taking
from tests.support.events import logged_events
from tests.support.virtual_time import now, virtual_time
from worker.application.consuming.pause import PauseReason, Problem
from worker.application.consuming.run_limits import RunLimits
from worker.application.consuming.work import Work
from worker.domain.backoff import Backoff
from worker.domain.disposition import Ack, Disposition, Reject, Retry
from worker.domain.errors import InvalidMessageError
from worker.events import Event

UNTIL_EMPTY = RunLimits(empty_seconds=20)


async def run_to_the_end(queue: FakeQueue, job: Job, limits: RunLimits, *, causes: Sequence[Outage] = ()) -> float:
    """Run a consumer of four slots until it stops by itself; returns how long that took."""
    renewer, consumer = a_consumer(queue, JobHandler(job), concurrency=4, causes=causes)
    renewing = asyncio.create_task(renewer.run())
    began = now()
    await consumer.run(limits)
    took = now() - began
    renewing.cancel()
    await asyncio.wait([renewing])
    return took


class Outage:
    """A dependency that is away from the start, for some minutes."""

    reason = PauseReason.TABLE
    backoff = Backoff(first_seconds=30, factor=1, cap_seconds=30, floor=1)
    is_suspected = True
    probes = 0

    async def probe(self) -> Problem | None:
        self.probes += 1
        self.is_suspected = self.probes < 5
        return Problem("away") if self.is_suspected else None

    def begun(self, problem: Problem) -> None:
        """Nothing to note."""

    def ended(self, seconds: float) -> None:
        """Nothing to note."""


@virtual_time
async def test_an_empty_queue_ends_the_run_after_twenty_seconds_and_says_why() -> None:
    with logged_events() as logged:
        took = await run_to_the_end(FakeQueue(), taking(1), UNTIL_EMPTY)

    assert 20 <= took < 26
    finished = logged.one(Event.WORKER_FINISHED)
    assert (finished["reason"], finished["messages"]) == ("queue_empty", 0)


@virtual_time
async def test_a_queue_is_not_empty_while_a_job_runs() -> None:
    queue = FakeQueue()
    queue.send("{}")

    took = await run_to_the_end(queue, taking(300), UNTIL_EMPTY)

    assert queue.settled == [("ack", "message-1")]
    assert 300 <= took < 310  # nothing came for twenty seconds before its end


@virtual_time
async def test_each_message_begins_the_twenty_seconds_anew() -> None:
    queue = FakeQueue()
    for second in (10, 25, 40):
        asyncio.get_running_loop().call_later(second, queue.send, "{}")

    took = await run_to_the_end(queue, taking(0.1), UNTIL_EMPTY)

    assert len(queue.settled) == 3
    assert 60 <= took < 70


@virtual_time
async def test_a_message_that_this_worker_has_put_off_is_waited_for() -> None:
    queue = FakeQueue()
    queue.send("{}")
    starts = 0

    async def job(_: Work) -> Disposition:
        nonlocal starts
        starts += 1
        return Ack() if starts == 2 else Retry(120)

    await run_to_the_end(queue, job, UNTIL_EMPTY)

    assert queue.settled[-1] == ("ack", "message-1")
    assert starts == 2


@virtual_time
async def test_a_queue_that_does_not_answer_is_not_empty() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", *[OUTAGE] * 30)
    queue = FakeQueue(faults=faults)

    with logged_events() as logged:
        took = await run_to_the_end(queue, taking(1), UNTIL_EMPTY)

    assert took >= logged.one(Event.POLL_RECOVERED)["outage_seconds"] + 20


@virtual_time
async def test_a_queue_that_is_not_asked_because_of_a_pause_is_not_empty() -> None:
    took = await run_to_the_end(FakeQueue(), taking(1), UNTIL_EMPTY, causes=[Outage()])

    assert took >= 4 * 30 + 20


@virtual_time
async def test_no_more_messages_are_received_than_asked_for_and_all_of_them_are_finished() -> None:
    queue = FakeQueue()
    for _ in range(10):
        queue.send("{}")

    started: list[str] = []

    async def job(work: Work) -> Disposition:
        started.append(work.delivery.message_id)
        await asyncio.sleep(30)
        return Ack()

    with logged_events() as logged:
        await run_to_the_end(queue, job, RunLimits(max_jobs=6))

    assert len(started) == len(queue.settled) == 6
    assert len(queue) == 4
    finished = logged.one(Event.WORKER_FINISHED)
    assert (finished["reason"], finished["messages"]) == ("max_jobs", 6)


@virtual_time
async def test_a_refused_message_counts_and_one_that_is_tried_again_does_not() -> None:
    queue = FakeQueue()
    for body in ("bad", "retried", "good", "more"):
        queue.send(body)
    tried: list[str] = []

    async def job(work: Work) -> Disposition:
        tried.append(work.delivery.body)
        match work.delivery.body:
            case "bad":
                return Reject(InvalidMessageError("job_id", "is missing"))
            case "retried" if tried.count("retried") == 1:
                return Retry(1)
            case _:
                return Ack()

    await run_to_the_end(queue, job, RunLimits(max_jobs=3))

    assert Counter(end for end, _ in queue.settled) == {"ack": 2, "reject": 1, "change_visibility": 1}


@virtual_time
async def test_the_first_limit_that_is_reached_ends_the_run() -> None:
    queue = FakeQueue()
    queue.send("{}")

    with logged_events() as logged:
        await run_to_the_end(queue, taking(1), RunLimits(max_jobs=5, empty_seconds=20))

    assert logged.one(Event.WORKER_FINISHED)["reason"] == "queue_empty"
