"""A bad deploy must not empty the queue into the dead-letter queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.queue import FakeQueue
from tests.support.consuming import a_consumer
from tests.support.events import logged_events
from tests.support.virtual_time import now, virtual_time
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.pause import PauseReason
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Disposition, Reject
from worker.domain.errors import InvalidMessageError
from worker.events import Event

LIMIT = 20
SLOTS = 5


class RejectingHandler:
    """Rejects every message but `good`, each after a tenth of a second."""

    async def handle(self, work: Work) -> Disposition:
        await asyncio.sleep(0.1)
        if work.delivery.body == "good":
            return Ack()
        return Reject(InvalidMessageError("body", "is not JSON"))


@asynccontextmanager
async def at_work(queue: FakeQueue) -> AsyncIterator[Consumer]:
    renewer, consumer = a_consumer(queue, RejectingHandler(), concurrency=SLOTS, reject_limit=LIMIT)
    async with asyncio.TaskGroup() as group:
        renewing = group.create_task(renewer.run())
        consuming = group.create_task(consumer.run())
        yield consumer
        consumer.stop(jobs_until=now(), settle_until=now() + 10)
        await consuming
        renewing.cancel()


@virtual_time
async def test_too_many_rejects_pause_consumption_with_an_error_line_and_the_queue_keeps_the_rest() -> None:
    queue = FakeQueue()
    for _ in range(500):
        queue.send("bad")

    with logged_events() as logged:
        async with at_work(queue) as consumer:
            await asyncio.sleep(50)

            status = consumer.status()
            assert status.pause is not None
            assert status.pause.reason is PauseReason.REJECTS
            assert status.is_alive
            assert status.is_polling
            assert status.poll_age_seconds == 0
            assert LIMIT < len(queue.dead_letters) <= LIMIT + SLOTS
            assert len(queue) == 500 - len(queue.dead_letters)

    line = logged.one(Event.CONSUMPTION_PAUSED)
    assert (line["log_level"], line["reason"]) == ("error", "rejects")
    assert line["error"] == f"more than {LIMIT} rejects in a minute"
    assert not logged.of(Event.CONSUMPTION_RESUMED)  # it was stopped meanwhile, at once


@virtual_time
async def test_the_pause_ends_after_a_minute_and_comes_again_while_the_cause_lasts() -> None:
    queue = FakeQueue()
    for _ in range(500):
        queue.send("bad")

    with logged_events() as logged:
        async with at_work(queue):
            await asyncio.sleep(10 * 60)

    assert len(logged.of(Event.CONSUMPTION_PAUSED)) == pytest.approx(10, abs=1)
    assert len(logged.of(Event.CONSUMPTION_RESUMED)) == pytest.approx(10, abs=1)
    assert len(queue.dead_letters) <= 11 * (LIMIT + SLOTS)


@virtual_time
async def test_rejects_up_to_the_limit_and_any_number_of_good_jobs_pause_nothing() -> None:
    queue = FakeQueue()
    for number in range(1000):
        queue.send("bad" if number % 50 == 0 else "good")

    with logged_events() as logged:
        async with at_work(queue) as consumer:
            while len(queue):  # noqa: ASYNC110 - time is virtual
                await asyncio.sleep(1)
            assert consumer.status().pause is None

    assert len(queue.dead_letters) == LIMIT
    assert not logged.of(Event.CONSUMPTION_PAUSED)


@virtual_time
async def test_rejects_that_are_spread_out_pause_nothing() -> None:
    queue = FakeQueue()

    with logged_events() as logged:
        async with at_work(queue):
            for _ in range(10 * LIMIT):
                queue.send("bad")
                await asyncio.sleep(60 / LIMIT)

    assert len(queue.dead_letters) == 10 * LIMIT
    assert not logged.of(Event.CONSUMPTION_PAUSED)
