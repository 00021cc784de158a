"""Which delivery may start a job, and what the others do instead."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.events import logged_events
from tests.support.harness import LEASE_SECONDS, LIMITS, SOURCE, TARGET, Harness, a_harness, two_harnesses
from tests.support.virtual_time import VirtualTimeLoop, now, virtual_time
from tests.support.waiting import wait_until
from worker.domain.disposition import Ack, Reject, Release, Retry
from worker.domain.errors import ShutdownError
from worker.domain.progress import Status, Version, first_record
from worker.events import Event


@virtual_time
async def test_a_new_job_costs_dynamodb_no_read(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.handle()

        assert harness.table.calls == 2  # the claim and the end


class DatedThenFrozen(Harness):
    """The process is frozen for a lease after it has dated its claim, and before it asks for it."""

    dates = 0

    def now(self) -> datetime:
        date = super().now()
        self.dates += 1
        if self.dates == 2:  # the first is that of the decision
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualTimeLoop)
            loop.jump(LEASE_SECONDS)
        return date


@virtual_time
async def test_a_claim_that_was_old_when_it_was_asked_for_counts_for_no_new_one(tmp_path: Path) -> None:
    harness = DatedThenFrozen(tmp_path)

    await harness.handle()

    assert harness.table.calls == 3  # the claim, the fence before the upload, the end


@virtual_time
async def test_a_final_record_that_its_worker_did_not_write_to_redis_is_written_there_by_the_next_delivery(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path) as harness:
        await wait_until(lambda: harness.store.cache_state == "connected")
        await harness.handle()
        end = harness.record()
        harness.redis.held["ep-1"] = replace(harness.redis.writes[0], version=Version(end.version.fence, 1))

        await harness.handle(receive_count=2)

        assert harness.redis.held["ep-1"] == end


@virtual_time
async def test_a_final_job_is_acknowledged_and_skipped(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.handle()
        first = harness.record()

        with logged_events() as logged:
            assert await harness.handle(receive_count=2) == Ack()

        assert harness.record() == first
        assert logged.one(Event.JOB_DUPLICATE_SKIPPED)["status"] == "completed"


@virtual_time
async def test_a_job_that_runs_elsewhere_is_left_alone_until_its_claim_ends(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins()
        await asyncio.sleep(5)

        with logged_events() as logged:
            disposition = await harness.handle(receive_count=2)

        assert isinstance(disposition, Retry)
        assert 0 < disposition.delay_seconds <= 60
        assert logged.one(Event.JOB_DEFERRED)["attempt"] == 1
        assert harness.record().attempt == 1
        harness.converter.may_finish.set()
        assert await task == Ack()


@virtual_time
async def test_a_stale_claim_is_taken_over_and_counts_as_an_attempt(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        crashed = asyncio.create_task(harness.handler.handle(harness.work()))
        harness.converter.may_finish.clear()
        await asyncio.sleep(1)
        dead = harness.record()
        crashed.cancel()
        await asyncio.wait([crashed])
        harness.table.held["ep-1"] = dead  # as a killed worker leaves it
        await asyncio.sleep(100)
        harness.converter.may_finish.set()

        assert await harness.handle(receive_count=2) == Ack()
        assert harness.record().attempt == 2


@virtual_time
async def test_the_attempt_after_a_crash_drops_what_was_left_half_uploaded(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.crashes()
        harness.objects.unfinished.add(TARGET)
        await asyncio.sleep(100)

        assert await harness.handle(receive_count=2) == Ack()
        assert harness.objects.unfinished == set()


@virtual_time
async def test_a_first_attempt_ends_no_upload_of_others_at_its_targets(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.unfinished.add(TARGET)

        assert await harness.handle() == Ack()
        assert harness.objects.unfinished == {TARGET}


@virtual_time
async def test_a_job_that_never_comes_to_an_end_is_given_up(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        queued = first_record("ep-1", str(SOURCE), (str(TARGET),), harness.now())
        await harness.table.write_if_unchanged(replace(queued, attempt=3), None)

        disposition = await harness.handle()

        assert isinstance(disposition, Reject)
        record = harness.record()
        assert record.status is Status.FAILED
        assert record.error is not None
        assert record.error.code == "too_many_attempts"
        assert harness.objects.get(TARGET) is None


@virtual_time
async def test_nothing_starts_while_the_claim_cannot_be_kept(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.table.breaks()

        disposition = await harness.handle()

        assert isinstance(disposition, Retry)
        assert harness.converter.running == 0
        assert harness.objects.get(TARGET) is None


@virtual_time
async def test_a_delivery_that_was_stopped_before_its_claim_claims_nothing(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        work.stop(ShutdownError())

        assert await harness.handler.handle(work) == Release()
        assert harness.table.held == {}


@virtual_time
@pytest.mark.parametrize("is_here", [True, False])
async def test_another_message_of_a_job_that_runs_for_hours_is_received_less_than_ten_times_an_hour(
    tmp_path: Path, is_here: bool
) -> None:
    async with two_harnesses(tmp_path, limits=replace(LIMITS, stall_seconds=7200)) as (first, second):
        await first.begins()
        began_at, receives = now(), 0
        while now() - began_at < 3600:
            receives += 1
            disposition = await (first if is_here else second).handle(receive_count=receives)
            assert isinstance(disposition, Retry)
            await asyncio.sleep(disposition.delay_seconds)

        assert receives <= 10


@virtual_time
async def test_a_claim_whose_holder_may_have_died_is_asked_for_again_when_it_ends(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.crashes()
        await asyncio.sleep(LEASE_SECONDS / 2)

        disposition = await harness.handle(receive_count=5)

        assert isinstance(disposition, Retry)
        assert disposition.delay_seconds <= LEASE_SECONDS / 2
