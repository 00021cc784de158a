"""The poll loop goes on: an outage, a hang or a bug of the queue is logged once and does not end it."""

from __future__ import annotations

import asyncio

from tests.fakes.queue import FakeQueue, Hang, ScriptedFaults
from tests.support.consuming import LEASE, OUTAGE, at_work, taking
from tests.support.events import logged_events
from tests.support.virtual_time import now, virtual_time
from worker.events import Event


@virtual_time
async def test_an_outage_of_the_queue_is_logged_once_and_outlived() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", *[OUTAGE] * 200)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    with logged_events() as logged:
        async with at_work(queue, taking(1)) as bench:
            await asyncio.sleep(600)
            assert bench.consumer.status().poll_failures > 20
            assert bench.consumer.status().poll_age_seconds < 16
            await bench.until_empty()
            assert bench.consumer.status().poll_failures == 0

    assert logged.one(Event.POLL_FAILED)["error"] == "SQS did not answer"
    recovered = logged.one(Event.POLL_RECOVERED)
    assert recovered["failures"] == 200
    assert recovered["outage_seconds"] > 600
    assert queue.calls["receive"] < 210 + 600


@virtual_time
async def test_polling_begins_when_the_queue_has_answered_and_an_empty_queue_answers_at_once() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", OUTAGE, OUTAGE)
    queue = FakeQueue(faults=faults)

    async with at_work(queue, taking(1)) as bench:
        while queue.calls["receive"] < 2:  # noqa: ASYNC110 - time is virtual
            await asyncio.sleep(0.01)
        assert not bench.consumer.status().is_polling
        began = now()

        await bench.consumer.first_poll()

        assert now() - began < 2
        assert queue.calls["receive"] == 3
        assert bench.consumer.status().is_polling


@virtual_time
async def test_a_receive_that_hangs_is_given_up_and_the_next_one_works() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", Hang.FOREVER)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    with logged_events() as logged:
        async with at_work(queue, taking(1)) as bench:
            began = now()
            await bench.until_empty()
            assert now() - began < 20

    assert logged.one(Event.POLL_FAILED)["error"] == "no answer in time"


@virtual_time
async def test_any_exception_of_a_receive_is_survived() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", KeyError("Messages"), RuntimeError(), ValueError("x"))
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(1)) as bench:
        await bench.until_empty()


@virtual_time
async def test_a_queue_that_answers_nothing_at_once_is_not_asked_without_pause() -> None:
    queue = FakeQueue(in_flight_limit=0)

    async with at_work(queue, taking(1)):
        await asyncio.sleep(600)

    assert queue.calls["receive"] < 600


@virtual_time
async def test_messages_of_a_lost_receive_come_back_and_are_handled() -> None:
    faults = ScriptedFaults()
    faults.responses("receive", OUTAGE)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(1)) as bench:
        began = now()
        await bench.until_empty()

    assert LEASE < now() - began < 2 * LEASE
