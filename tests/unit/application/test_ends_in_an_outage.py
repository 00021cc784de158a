"""Attempts that end while the job table is away, or whose message is lost: the end of each start is recorded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.events import logged_events
from tests.support.harness import TARGET, a_harness, two_harnesses
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.domain.claim import ClaimMark
from worker.domain.disposition import Ack, Forfeit, Reject, Release, Retry
from worker.domain.errors import ErrorCode, LeaseLostError, ShutdownError, UnsupportedAudioError
from worker.domain.progress import Status, Version
from worker.events import Event


@virtual_time
async def test_a_job_that_ends_while_the_table_is_away_keeps_its_message_until_the_end_is_recorded(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = UnsupportedAudioError("not audio")
        task = await harness.begins()
        harness.table.breaks()
        with logged_events() as logged:
            harness.converter.may_finish.set()
            await asyncio.sleep(3600)
        assert not task.done()
        assert logged.one(Event.PROGRESS_WRITE_FAILED)["status"] == "failed"

        harness.table.works()

        disposition = await task
        assert isinstance(disposition, Reject)
        assert disposition.error.code is ErrorCode.UNSUPPORTED_AUDIO
        assert harness.record().status is Status.FAILED


@virtual_time
async def test_a_completed_job_that_waits_for_the_table_does_not_stall_and_is_not_converted_again(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.may_finish[TARGET] = uploaded = asyncio.Event()
        task = await harness.begins()
        harness.converter.may_finish.set()
        await harness.objects.half_done[TARGET].wait()
        harness.table.breaks()
        uploaded.set()
        await asyncio.sleep(2 * harness.limits.stall_seconds)
        assert not task.done()

        harness.table.works()

        assert await task == Ack()
        assert harness.record().status is Status.COMPLETED
        assert harness.record().attempt == 1


@virtual_time
@pytest.mark.parametrize("is_ended", [True, False])
async def test_a_worker_that_stops_while_the_table_is_away_gives_its_message_back_within_seconds(
    tmp_path: Path, is_ended: bool
) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = UnsupportedAudioError("not audio")
        work = harness.work()
        task = await harness.begins(work)
        harness.table.breaks()
        if is_ended:
            harness.converter.may_finish.set()
            await asyncio.sleep(60)
        stopped_at = now()
        work.stop(ShutdownError())

        assert isinstance(await task, Retry if is_ended else Release)
        assert now() - stopped_at < 6


@virtual_time
async def test_an_attempt_whose_lease_was_lost_is_no_death_once_its_end_is_recorded(tmp_path: Path) -> None:
    async with two_harnesses(tmp_path) as (first, second):
        work = first.work()
        task = await first.begins(work)
        first.table.breaks()
        work.stop(LeaseLostError("the lease could not be renewed in time"))
        assert await task == Forfeit()
        first.table.works()
        await wait_until(lambda: first.record().status is Status.QUEUED)
        assert first.record().attempt == 1

        assert await second.handle(receive_count=2) == Ack()

        assert second.record().attempt == 2
        assert not second.table.marks["ep-1"].is_suspect


@virtual_time
async def test_an_attempt_at_a_job_that_another_worker_has_does_not_record_its_end(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        task = await harness.begins(work)
        theirs = replace(harness.record(), version=Version(work.delivery.fence + 1, 1), worker="w:2")
        harness.table.put_claim(theirs, harness.record().version, ClaimMark("theirs"))
        work.stop(LeaseLostError("the receipt handle is dead"))
        assert await task == Forfeit()
        await asyncio.sleep(10)

        assert harness.record() == theirs
