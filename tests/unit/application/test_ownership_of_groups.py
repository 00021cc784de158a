"""Whole workers over one FIFO queue: order within a group, groups side by side."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes.queue import FakeQueue
from tests.support.events import logged_events
from tests.support.harness import a_body, a_harness, a_worker, two_harnesses, until_empty
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.domain.errors import ConverterCrashedError
from worker.events import Event


@virtual_time
async def test_jobs_of_a_group_run_one_after_the_other_and_groups_side_by_side(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with two_harnesses(tmp_path) as (first, second):
        for number in range(6):
            queue.send(a_body(f"a-{number}"), group_id="a")
        queue.send(a_body("b-0"), group_id="b")
        first.converter.may_finish.clear()
        second.converter.may_finish.clear()
        with logged_events() as logged:
            async with a_worker(first, queue, concurrency=4), a_worker(second, queue, concurrency=4):
                await asyncio.sleep(100)
                assert first.converter.running + second.converter.running == 2
                first.converter.may_finish.set()
                second.converter.may_finish.set()
                await until_empty(queue)

        assert len(logged.of(Event.JOB_STARTED)) == 7
        order = [name for how, name in queue.settled if how == "ack" and name != "message-7"]
        assert order == [f"message-{number}" for number in range(1, 7)]


@virtual_time
async def test_a_failing_message_is_not_overtaken_by_its_group(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with a_harness(tmp_path) as harness:
        for number in range(3):
            queue.send(a_body(f"a-{number}"), group_id="a")
        harness.converter.convert_error = ConverterCrashedError("ended by signal 11")
        with logged_events() as logged:
            async with a_worker(harness, queue, concurrency=4):
                while len(logged.of(Event.JOB_RETRIED)) < 2:  # noqa: ASYNC110 - time is virtual
                    await asyncio.sleep(0.1)
                harness.converter.convert_error = None
                await until_empty(queue)

        assert [name for how, name in queue.settled if how == "ack"] == ["message-1", "message-2", "message-3"]
        assert harness.record("a-0").attempt == 3
        assert harness.record("a-1").attempt == 1


@virtual_time
async def test_a_group_goes_on_in_order_on_another_worker_after_a_release(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with two_harnesses(tmp_path) as (first, second):
        for number in range(3):
            queue.send(a_body(f"a-{number}"), group_id="a")
        first.converter.may_finish.clear()
        async with a_worker(first, queue, concurrency=4) as leaving:
            await wait_until(lambda: first.converter.running)
            async with a_worker(second, queue, concurrency=4):
                leaving.stop(jobs_until=now(), settle_until=now() + 10)
                await until_empty(queue)

        assert queue.settled == [
            ("change_visibility", "message-1"),
            *[("ack", f"message-{number}") for number in (1, 2, 3)],
        ]


@pytest.mark.parametrize("slots", [1, 4])
def test_a_group_whose_first_job_is_rejected_goes_on(tmp_path: Path, slots: int) -> None:
    @virtual_time
    async def body() -> None:
        queue = FakeQueue()
        async with a_harness(tmp_path) as harness:
            queue.send("not a job", group_id="a")
            queue.send(a_body("a-1"), group_id="a")
            async with a_worker(harness, queue, concurrency=slots):
                await until_empty(queue)

            assert queue.settled == [("reject", "message-1"), ("ack", "message-2")]

    body()
