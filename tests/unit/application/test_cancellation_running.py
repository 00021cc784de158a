"""A running job that is to be cancelled stops within seconds, and what it has published is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.objects import MemoryObjects
from tests.fakes.stores import FakeJobTable
from tests.support.events import logged_events
from tests.support.harness import SECOND, TARGET, a_body, a_harness
from tests.support.virtual_time import DeadlockError, now, run, virtual_time
from tests.support.waiting import wait_until
from worker.application.jobs.cancel_watch import CancelWatch
from worker.domain.disposition import Ack, Release
from worker.domain.errors import JobCancelledError, ShutdownError
from worker.domain.job import ObjectLocation
from worker.domain.progress import Status, Version
from worker.events import Event


@pytest.mark.parametrize("redis_is_out", [False, True])
def test_a_running_job_stops_within_three_seconds_and_leaves_nothing(tmp_path: Path, redis_is_out: bool) -> None:
    @virtual_time
    async def body() -> None:
        async with a_harness(tmp_path) as harness:
            if redis_is_out:
                harness.redis.breaks()
            task = await harness.begins()
            asked_at = now()

            with logged_events() as logged:
                record = await harness.cancellation.cancel("ep-1")
                assert record is not None
                assert record.status is Status.RUNNING
                assert await task == Ack()

            assert now() - asked_at < 3
            assert harness.record().status is Status.CANCELLED
            assert harness.converter.running == 0
            assert harness.objects.get(TARGET) is None
            assert harness.files() == []
            assert logged.one(Event.JOB_CANCELLED)["stage"] == "converting"

    body()


@virtual_time
async def test_outputs_that_are_published_already_are_taken_back_before_the_record_says_cancelled(
    tmp_path: Path,
) -> None:
    statuses: list[Status] = []

    class Observed(MemoryObjects):
        async def remove(self, target: ObjectLocation, job_id: str, run: int = 1) -> None:
            await super().remove(target, job_id, run)
            statuses.append(harness.record().status)

    async with a_harness(tmp_path, objects=Observed("in-bucket", "out-bucket")) as harness:
        harness.objects.may_finish[SECOND] = asyncio.Event()
        task = asyncio.create_task(harness.handle(a_body("ep-1", TARGET, SECOND)))
        await harness.objects.half_done[SECOND].wait()
        assert harness.objects.get(TARGET) is not None

        await harness.cancellation.cancel("ep-1")

        assert await task == Ack()
        assert harness.record().status is Status.CANCELLED
        assert harness.objects.get(TARGET) is None
        assert harness.objects.get(SECOND) is None
        assert statuses == [Status.RUNNING, Status.RUNNING]


@virtual_time
async def test_outputs_of_a_start_that_was_given_back_and_does_not_count_are_taken_back_too(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.may_finish[SECOND] = asyncio.Event()
        work = harness.work(a_body("ep-1", TARGET, SECOND))
        task = asyncio.create_task(harness.handler.handle(work))
        await harness.objects.half_done[SECOND].wait()
        work.stop(ShutdownError())
        assert await task == Release()
        assert harness.objects.get(TARGET) is not None
        task = await harness.begins(harness.work(a_body("ep-1", TARGET, SECOND), receive_count=2))

        await harness.cancellation.cancel("ep-1")

        assert await task == Ack()
        assert harness.record().attempt == 1
        assert harness.objects.get(TARGET) is None


@virtual_time
async def test_an_output_of_another_job_is_left_alone(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.handle(a_body("ep-0", TARGET, SECOND))
        first = harness.objects.get(SECOND)
        harness.objects.may_finish[SECOND] = asyncio.Event()
        task = asyncio.create_task(harness.handle(a_body("ep-1", TARGET, SECOND)))
        await harness.objects.half_done[SECOND].wait()

        await harness.cancellation.cancel("ep-1")
        await task

        assert harness.objects.get(SECOND) == first


@virtual_time
async def test_an_output_that_cannot_be_taken_back_is_named_in_the_log(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.may_finish[SECOND] = asyncio.Event()
        task = asyncio.create_task(harness.handle(a_body("ep-1", TARGET, SECOND)))
        await harness.objects.half_done[SECOND].wait()
        harness.objects.denied.add("out-bucket")

        with logged_events() as logged:
            await harness.cancellation.cancel("ep-1")
            assert await task == Ack()

        assert logged.of(Event.OUTPUT_REMOVE_FAILED)[0]["target"] == str(TARGET)
        assert harness.record().status is Status.CANCELLED


@virtual_time
async def test_outputs_are_not_taken_back_once_the_job_is_another_workers(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.may_finish[SECOND] = asyncio.Event()
        work = harness.work(a_body("ep-1", TARGET, SECOND))
        task = asyncio.create_task(harness.handler.handle(work))
        await harness.objects.half_done[SECOND].wait()
        held = harness.record()
        await harness.table.write(replace(held, version=Version(held.version.fence + 1, 1), worker="w:2"))

        work.stop(JobCancelledError())
        await task

        assert harness.objects.get(TARGET) is not None


@virtual_time
async def test_a_request_to_cancel_comes_too_late_once_everything_is_published(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        may_finish = harness.objects.may_finish[TARGET] = asyncio.Event()
        task = asyncio.create_task(harness.handle())
        await harness.objects.half_done[TARGET].wait()
        harness.table.breaks()
        may_finish.set()
        await asyncio.sleep(5)
        harness.table.works()
        harness.table.cancel_requested.add("ep-1")

        assert await task == Ack()
        assert harness.record().status is Status.COMPLETED
        assert harness.objects.get(TARGET) is not None


@virtual_time
async def test_an_outage_of_dynamodb_delays_the_request_and_is_logged_once(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins()
        await harness.cancellation.cancel("ep-1")
        harness.table.breaks()

        with logged_events() as logged:
            await asyncio.sleep(20)
            assert not task.done()
            harness.table.works()
            assert await task == Ack()

        assert logged.one(Event.CANCEL_LOOKUP_FAILED)["error"] == "connection refused"
        assert harness.record().status is Status.CANCELLED


@virtual_time
async def test_the_watch_costs_one_read_for_all_jobs_and_none_without_jobs(tmp_path: Path) -> None:
    looks: list[set[str]] = []

    class Counted(FakeJobTable):
        async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
            looks.append(set(job_ids))
            return await super().cancel_requests(job_ids)

    async with a_harness(tmp_path, table=Counted()) as harness:
        await asyncio.sleep(60)
        assert harness.table.calls == 0

        harness.converter.may_finish.clear()
        tasks = [asyncio.create_task(harness.handle(a_body(job_id))) for job_id in ("ep-1", "ep-2")]
        await wait_until(lambda: harness.converter.running == 2)
        await asyncio.sleep(60)
        assert looks == [{"ep-1", "ep-2"}] * 40
        harness.converter.may_finish.set()
        await asyncio.gather(*tasks)


def test_without_jobs_the_watch_sets_no_timer() -> None:
    with pytest.raises(DeadlockError):
        run(CancelWatch(FakeJobTable()).run())
