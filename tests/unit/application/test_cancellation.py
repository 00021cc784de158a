"""A job that is to be cancelled ends once, at whatever stage it is, and leaves nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.queue import FakeQueue
from tests.fakes.stores import FakeJobTable
from tests.support.events import logged_events
from tests.support.harness import SECOND, SOURCE, TARGET, Harness, a_body, a_harness, a_worker
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.domain.claim import JobState
from worker.domain.disposition import Ack, Release, Retry
from worker.domain.errors import (
    ConverterCrashedError,
    DependencyUnavailableError,
    ErrorCode,
    ShutdownError,
    StalledError,
)
from worker.domain.progress import Record, Status, Version, first_record
from worker.events import Event
from worker.ports import StoreUnavailableError


async def submitted(harness: Harness) -> Record:
    record = first_record("ep-1", str(SOURCE), (str(TARGET),), harness.now())
    await harness.table.write_if_unchanged(record, None)
    return record


# --- who asks ----------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_job_that_does_not_exist_cannot_be_cancelled(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        assert await harness.cancellation.cancel("nobody") is None


@virtual_time
async def test_a_queued_job_is_cancelled_at_once_in_both_stores_and_never_starts(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await submitted(harness)

        record = await harness.cancellation.cancel("ep-1")

        assert record == harness.record() == harness.redis.held["ep-1"]
        assert (record.status, record.version, record.attempt) == (Status.CANCELLED, Version(0, 2), 0)
        assert record.error is not None
        assert record.error.code == ErrorCode.CANCELLED.value
        assert await harness.handle() == Ack()
        assert harness.converter.running == 0
        assert harness.record() == record


@virtual_time
async def test_cancelling_again_changes_nothing_and_the_same_id_stays_refused(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await submitted(harness)
        record = await harness.cancellation.cancel("ep-1")

        assert await harness.cancellation.cancel("ep-1") == record
        assert await harness.handle(receive_count=7) == Ack()
        assert harness.objects.get(TARGET) is None


@virtual_time
async def test_a_completed_job_stays_completed(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.handle()

        record = await harness.cancellation.cancel("ep-1")

        assert record is not None
        assert record.status is Status.COMPLETED
        assert harness.objects.get(TARGET) is not None


@virtual_time
async def test_an_outage_of_redis_does_not_keep_a_job_from_being_cancelled(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await submitted(harness)
        harness.redis.breaks()

        record = await harness.cancellation.cancel("ep-1")

        assert record == harness.record()


@virtual_time
async def test_without_dynamodb_nothing_is_promised(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await submitted(harness)
        harness.table.breaks()

        with pytest.raises(StoreUnavailableError):
            await harness.cancellation.cancel("ep-1")


class ChangingTable(FakeJobTable):
    """The job changes each time it is read."""

    def __init__(self, changes: int) -> None:
        super().__init__()
        self.changes = changes

    async def state(self, job_id: str) -> JobState | None:
        found = await super().state(job_id)
        if found is not None and self.changes > 0:
            self.changes -= 1
            version = Version(found.record.version.fence + 1, 1)
            self.held[job_id] = replace(found.record, version=version)
        return found


@virtual_time
async def test_a_job_that_changes_hands_meanwhile_is_looked_at_again(tmp_path: Path) -> None:
    async with a_harness(tmp_path, table=ChangingTable(3)) as harness:
        await submitted(harness)

        record = await harness.cancellation.cancel("ep-1")

        assert record is not None
        assert record.status is Status.CANCELLED

    async with a_harness(tmp_path, table=ChangingTable(1000)) as harness:
        await submitted(harness)

        with pytest.raises(DependencyUnavailableError, match="try again"):
            await harness.cancellation.cancel("ep-1")


# --- between two deliveries --------------------------------------------------------------------------------------


@virtual_time
async def test_a_job_that_waits_for_a_retry_is_cancelled_like_a_queued_one(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.errors[SECOND].append(StalledError(300))
        assert isinstance(await harness.handle(a_body("ep-1", TARGET, SECOND)), Retry)
        assert harness.objects.get(TARGET) is not None

        record = await harness.cancellation.cancel("ep-1")

        assert record is not None
        assert (record.status, record.attempt) == (Status.CANCELLED, 1)
        assert await harness.handle(a_body("ep-1", TARGET, SECOND), receive_count=2) == Ack()
        assert harness.objects.get(TARGET) is None  # what the first attempt had published
        assert harness.record() == record


@virtual_time
async def test_a_request_to_cancel_outlives_the_worker_and_is_met_by_the_next_one(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.crashes()
        await harness.cancellation.cancel("ep-1")
        await asyncio.sleep(100)

        with logged_events() as logged:
            assert await harness.handle(receive_count=2) == Ack()

        assert harness.record().status is Status.CANCELLED
        assert not logged.of(Event.JOB_STARTED)
        assert logged.of(Event.JOB_CANCELLED)


@pytest.mark.parametrize("end", ["retry", "release"])
def test_a_request_that_comes_while_the_attempt_ends_is_met_at_once(tmp_path: Path, end: str) -> None:
    @virtual_time
    async def body() -> None:
        async with a_harness(tmp_path) as harness:
            harness.converter.convert_error = ConverterCrashedError("ended by signal 11")
            work = harness.work()
            task = await harness.begins(work)
            await harness.cancellation.cancel("ep-1")
            if end == "retry":
                harness.converter.may_finish.set()
            else:
                work.stop(ShutdownError())

            assert await task == Ack()
            assert harness.record().status is Status.CANCELLED

    body()


@virtual_time
async def test_without_a_request_a_release_stays_a_release(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        task = await harness.begins(work)
        work.stop(ShutdownError())

        assert await task == Release()


@virtual_time
async def test_a_cancelled_message_leaves_the_queue_and_not_for_the_dead_letter_queue(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with a_harness(tmp_path) as harness:
        harness.converter.may_finish.clear()
        queue.send(a_body())
        async with a_worker(harness, queue):
            await wait_until(lambda: harness.converter.running)
            await harness.cancellation.cancel("ep-1")
            await wait_until(lambda: len(queue) == 0)

        assert queue.settled == [("ack", "message-1")]
        assert queue.dead_letters == []
        assert harness.record().status is Status.CANCELLED
