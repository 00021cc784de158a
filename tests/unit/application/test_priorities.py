"""Several queues as one: who is asked first, where a delivery is settled, and what an outage of one of them means."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fakes.operations import FakeDeadLetters
from tests.fakes.queue import DeadLetter, FakeQueue, ScriptedFaults
from tests.support.events import logged_events
from tests.support.harness import Harness, a_body, a_harness, a_worker
from tests.support.virtual_time import virtual_time
from worker.application.consuming.priorities import PriorityQueues
from worker.application.operations.all_dead_letters import AllDeadLetters
from worker.application.operations.redrive import Redrive
from worker.domain.disposition import Reject
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError, NoAudioError
from worker.events import Event
from worker.ports import Delivery, ReceiptExpiredError

AWAY = DependencyUnavailableError("SQS")


def queues(count: int = 2, *, wait_seconds: float = 5.0) -> tuple[PriorityQueues, list[FakeQueue]]:
    each = [FakeQueue(visibility_seconds=60, wait_seconds=wait_seconds) for _ in range(count)]
    return PriorityQueues(each), each


async def bodies(taken: Sequence[Delivery]) -> list[str]:
    return [delivery.body for delivery in taken]


@virtual_time
async def test_the_less_urgent_queue_is_reached_only_where_the_more_urgent_one_has_nothing() -> None:
    both, (urgent, other) = queues()
    other.send("later")
    urgent.send("now")

    assert await bodies(await both.receive(1)) == ["now"]
    assert await bodies(await both.receive(1)) == ["later"]


@virtual_time
async def test_no_queue_is_passed_over_more_than_nine_times_in_a_row() -> None:
    both, each = queues(3)
    for queue, name in zip(each, ("urgent", "usual", "bulk"), strict=True):
        for _ in range(40):
            queue.send(name)

    taken = [(await both.receive(1))[0].body for _ in range(40)]

    assert taken.count("urgent") >= 30
    for name in ("usual", "bulk"):
        places = [place for place, body in enumerate(taken) if body == name]
        assert places[0] <= 10
        assert max(later - earlier for earlier, later in itertools.pairwise(places)) <= 11


@virtual_time
async def test_where_none_has_anything_the_most_urgent_is_waited_for() -> None:
    both, (urgent, _) = queues()
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    loop.call_later(2, urgent.send, "now")

    assert await bodies(await both.receive(1)) == ["now"]
    assert loop.time() - began_at == pytest.approx(2, abs=0.1)
    assert await both.receive(1, is_long=False) == ()
    assert loop.time() - began_at < 3


@virtual_time
async def test_a_delivery_is_settled_on_the_queue_that_it_came_from() -> None:
    both, (urgent, other) = queues()
    urgent.send("a")
    other.send("b")
    other.send("c")
    (a,), rest = await both.receive(10), await both.receive(10)
    b, c = rest

    assert await both.extend([b, a, c], 60) == [None, None, None]
    await both.change_visibility(b, 30)
    await both.ack(a)
    assert await both.reject(c, Reject(NoAudioError()))

    assert (len(urgent), len(other)) == (0, 1)
    assert [letter.body for letter in other.dead_letters] == ["c"]
    [lost] = await both.extend([a], 60)
    assert isinstance(lost, ReceiptExpiredError)


@virtual_time
async def test_an_outage_of_one_queue_is_none_of_the_others() -> None:
    both, (urgent, other) = queues()
    other.send("later")
    urgent.send("now")
    (now,) = await both.receive(1)
    (later,) = await both.receive(1)
    other.send("more")
    urgent.faults = faults = ScriptedFaults()
    faults.requests("receive", AWAY)
    faults.requests("extend", AWAY)

    assert await bodies(await both.receive(1)) == ["more"]
    assert await both.extend([later, now], 60) == [None, AWAY]


@virtual_time
async def test_while_a_less_urgent_queue_fails_the_urgent_one_is_waited_for_and_the_failure_is_logged_once() -> None:
    both, (urgent, other) = queues()
    other.faults = faults = ScriptedFaults()
    faults.requests("receive", *[AWAY] * 3)
    loop = asyncio.get_running_loop()

    with logged_events() as log:
        for _ in range(3):
            loop.call_later(2, urgent.send, "now")
            assert await bodies(await both.receive(1)) == ["now"]
        other.send("later")
        assert await bodies(await both.receive(1)) == ["later"]

    assert log.one(Event.POLL_FAILED)["error"].startswith("queue 2 of 2: ")
    recovered = log.one(Event.POLL_RECOVERED)
    assert (recovered["failures"], recovered["outage_seconds"]) == (3, pytest.approx(6, abs=0.1))


@virtual_time
async def test_while_the_urgent_queue_fails_the_next_one_is_waited_for() -> None:
    both, (urgent, other) = queues()
    urgent.faults = faults = ScriptedFaults()
    faults.requests("receive", AWAY)
    asyncio.get_running_loop().call_later(2, other.send, "later")

    assert await bodies(await both.receive(1)) == ["later"]


@virtual_time
async def test_the_failures_of_each_queue_are_counted_until_it_answers() -> None:
    both, (urgent, other) = queues(wait_seconds=1.0)
    urgent.faults = faults = ScriptedFaults()
    faults.requests("receive", AWAY, AWAY)

    seen = [both.failures]
    for _ in range(3):
        other.send("later")
        await both.receive(1)
        seen.append(both.failures)

    assert seen == [(0, 0), (1, 0), (2, 0), (0, 0)]


@virtual_time
async def test_a_receive_fails_where_all_queues_do() -> None:
    both, each = queues()
    for queue in each:
        queue.faults = faults = ScriptedFaults()
        faults.requests("receive", AWAY)

    with logged_events() as log, pytest.raises(DependencyUnavailableError):
        await both.receive(1)

    assert not log.of(Event.POLL_FAILED)  # the caller logs it


async def drained(harness: Harness, each: Sequence[FakeQueue]) -> None:
    while any(map(len, each)):  # noqa: ASYNC110 - time is virtual
        await asyncio.sleep(0.5)


@virtual_time
async def test_a_worker_does_the_jobs_of_all_its_queues_and_rejects_to_the_dead_letters_of_each(
    tmp_path: Path,
) -> None:
    both, each = queues(3, wait_seconds=1)
    for number, queue in enumerate(each):
        queue.send(a_body(f"good-{number}"))
        queue.send(f"bad-{number}")

    async with a_harness(tmp_path) as harness, a_worker(harness, both):
        await drained(harness, each)

    assert {job_id: record.status for job_id, record in harness.table.held.items()} == {
        f"good-{number}": "completed" for number in range(3)
    }
    assert [[letter.body for letter in queue.dead_letters] for queue in each] == [["bad-0"], ["bad-1"], ["bad-2"]]


@virtual_time
async def test_dead_letters_go_back_to_the_queue_that_they_came_from() -> None:
    _, each = queues(2)
    for number, queue in enumerate(each):
        rejection = Reject(InvalidMessageError("body", "is no JSON"), f"job-{number}", 1)
        queue.dead_letters.append(DeadLetter(f"m-{number}", f"body-{number}", rejection))
    letters = AllDeadLetters([FakeDeadLetters(queue) for queue in each])

    assert await letters.count() == 2
    assert (await Redrive(letters).run()).moved == 2

    assert [[delivery.body for delivery in await queue.receive(10)] for queue in each] == [["body-0"], ["body-1"]]
