"""A consumer that is stopped: what fits is finished, the rest is given back, and it waits for nothing in vain."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.queue import FakeQueue, ScriptedFaults
from tests.support.consuming import OUTAGE, JobHandler, a_consumer, at_work, taking
from tests.support.virtual_time import now, virtual_time
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Disposition, Release


@virtual_time
async def test_an_idle_worker_drains_when_its_long_poll_ends() -> None:
    async with at_work(FakeQueue(), taking(1)) as bench:
        await asyncio.sleep(12)

        assert await bench.drain() <= 5


@virtual_time
async def test_what_the_open_long_poll_brings_is_released() -> None:
    queue = FakeQueue()

    async with at_work(queue, taking(1)) as bench:
        await asyncio.sleep(1)
        draining = asyncio.create_task(bench.drain())
        await asyncio.sleep(1)
        queue.send("{}")
        assert await draining < 2

    assert bench.handler.begun == []
    assert queue.settled == [("change_visibility", "message-1")]
    assert queue.visible_in("message-1") == 0
    assert queue.calls["receive"] == 2  # the first, which is short, and the one that was open


@virtual_time
async def test_jobs_that_fit_are_finished_and_jobs_that_do_not_are_released_early() -> None:
    queue = FakeQueue()
    for seconds in (50, 500):
        queue.send(str(seconds))

    def ends_at(work: Work) -> float:
        return 1000 + float(work.delivery.body)

    async def job(work: Work) -> Disposition:
        await asyncio.sleep(ends_at(work) - now())
        return Ack()

    async with at_work(queue, job, ends_at=ends_at) as bench:
        await asyncio.sleep(2)
        draining = asyncio.create_task(bench.drain())
        await bench.until(lambda: bool(bench.handler.dispositions))
        assert bench.handler.dispositions == [("message-2", Release())]
        assert bench.handler.running == 1
        assert await draining == pytest.approx(48, abs=2)

    assert queue.settled == [("change_visibility", "message-2"), ("ack", "message-1")]
    assert queue.visible_in("message-2") == 0


@virtual_time
async def test_a_job_without_an_estimate_goes_on_to_the_deadline_and_is_then_released() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(500)) as bench:
        await asyncio.sleep(2)
        assert await bench.drain(100, release_seconds=10) == pytest.approx(90, abs=1)

    assert queue.settled == [("change_visibility", "message-1")]
    assert queue.visible_in("message-1") == 0


@virtual_time
async def test_leases_are_renewed_until_the_drain_has_ended() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(500)) as bench:
        await asyncio.sleep(2)
        await bench.drain(400, release_seconds=10)

    assert queue.calls["extend"] > 400 / 25
    assert queue.settled == [("change_visibility", "message-1")]


@virtual_time
async def test_a_second_stop_ends_everything_now_the_open_poll_too() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(500)) as bench:
        await asyncio.sleep(3)
        bench.consumer.stop(jobs_until=now() + 90, settle_until=now() + 100)
        await asyncio.sleep(1)
        began = now()
        bench.consumer.stop(jobs_until=now(), settle_until=now() + 10)
        await bench.task

        assert now() - began < 0.1
    assert queue.settled == [("change_visibility", "message-1")]


@virtual_time
async def test_a_release_that_fails_is_tried_again_within_the_drain() -> None:
    faults = ScriptedFaults()
    faults.requests("change_visibility", OUTAGE, OUTAGE)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(500)) as bench:
        await asyncio.sleep(2)
        assert await bench.drain(100, release_seconds=10) < 100

    assert queue.settled == [("change_visibility", "message-1")]


@virtual_time
async def test_a_stop_bounds_the_settlements_that_were_tried_before_it_too() -> None:
    faults = ScriptedFaults()
    faults.requests("ack", *[OUTAGE] * 1000)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(1)) as bench:
        await bench.until(lambda: queue.calls["ack"] > 2)
        began = now()
        bench.consumer.stop(jobs_until=now(), settle_until=now() + 10)
        await bench.task

        assert now() - began < 12


@virtual_time
async def test_a_stop_during_an_outage_of_the_queue_does_not_wait_for_its_end() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", *[OUTAGE] * 100)

    async with at_work(FakeQueue(faults=faults), taking(1)) as bench:
        await asyncio.sleep(100)

        assert await bench.drain() < 0.1


@virtual_time
async def test_a_stop_that_comes_before_the_start_is_not_lost() -> None:
    queue = FakeQueue()
    queue.send("{}")
    _, consumer = a_consumer(queue, JobHandler(taking(1)), concurrency=1)

    consumer.stop(jobs_until=now() + 90, settle_until=now() + 100)
    await consumer.run()

    assert queue.calls["receive"] == 0
