"""How a run ends: with what was repaired, by its error, or by what stops it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.events import logged_events
from tests.support.harness import LIMITS, SOURCE, TARGET, a_body, a_harness
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.domain.claim import ClaimMark
from worker.domain.disposition import Ack, Forfeit, Reject, Release, Retry
from worker.domain.errors import (
    ConverterCrashedError,
    DependencyUnavailableError,
    JobCancelledError,
    LeaseLostError,
    ShutdownError,
    UnsupportedAudioError,
)
from worker.domain.job import ObjectLocation
from worker.domain.progress import Status, Version
from worker.domain.source_format import SourceFormat
from worker.events import Event


@virtual_time
async def test_what_was_repaired_of_the_source_is_in_the_record_and_in_the_log(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.repaired = (
            "0.05 s of sound could not be decoded (damaged frames: 2); silence took its place",
        )

        with logged_events() as logged:
            await harness.handle()

        assert harness.record().repaired == harness.converter.repaired
        assert logged.one(Event.JOB_COMPLETED)["repaired"] == list(harness.converter.repaired)


@virtual_time
@pytest.mark.parametrize("wrong_by", [0.0, 0.5])
async def test_the_record_says_what_the_source_is_in_both_stores(wrong_by: float, tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.prediction_error_seconds = wrong_by

        await harness.handle()

        expected = SourceFormat("wav", "pcm_s16le", 8000, 1, 16, 1.0)
        for record in (harness.record(), harness.redis.held["ep-1"]):
            assert record.source_audio == expected
        assert {each.source_audio for each in harness.table.writes} <= {None, expected}


@virtual_time
async def test_the_record_of_a_source_that_cannot_be_read_does_not_say_what_it_is(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.probe_error = UnsupportedAudioError("the source holds no sound")

        await harness.handle()

        assert harness.record().source_audio is None


@virtual_time
async def test_the_record_of_a_source_that_fails_half_way_says_what_it_is(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = UnsupportedAudioError("the source is damaged")

        await harness.handle()

        assert harness.record().source_audio is not None


@virtual_time
async def test_a_transient_failure_is_retried_and_the_record_waits_with_its_reason(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = ConverterCrashedError("ended by signal 11")

        disposition = await harness.handle()

        assert isinstance(disposition, Retry)
        record = harness.record()
        assert (record.status, record.stage, record.attempt) == (Status.QUEUED, None, 1)
        assert record.percent == max(each.percent for each in harness.table.writes)
        assert record.error is not None
        assert (record.error.code, record.error.retryable) == ("converter_crashed", True)


@virtual_time
async def test_the_last_attempt_fails_for_good_with_its_own_code(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = ConverterCrashedError("ended by signal 11")

        ends = [await harness.handle(receive_count=count) for count in (1, 2, 3)]

        assert [type(end) for end in ends] == [Retry, Retry, Reject]
        assert harness.record().status is Status.FAILED
        assert harness.record().error.code == "converter_crashed"  # type: ignore[union-attr]


@virtual_time
async def test_a_retried_job_completes_and_its_error_is_gone(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = ConverterCrashedError("ended by signal 11")
        await harness.handle()
        harness.converter.convert_error = None

        assert await harness.handle(receive_count=2) == Ack()

        record = harness.record()
        assert (record.attempt, record.error) == (2, None)


@virtual_time
async def test_a_shutdown_gives_the_job_back_as_if_it_had_not_begun(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        task = await harness.begins(work)

        with logged_events() as logged:
            work.stop(ShutdownError())
            assert await task == Release()

        record = harness.record()
        assert (record.status, record.attempt, record.error) == (Status.QUEUED, 0, None)
        assert logged.of(Event.JOB_RELEASED)
        assert harness.converter.running == 0
        assert harness.files() == []


@virtual_time
async def test_a_lost_lease_leaves_everything_to_the_next_holder(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        task = await harness.begins(work)

        work.stop(LeaseLostError("the receipt handle is dead"))

        assert await task == Forfeit()
        assert harness.record().status is Status.QUEUED
        assert harness.objects.get(TARGET) is None


@virtual_time
async def test_a_job_that_another_worker_has_claimed_stops_at_its_next_write(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins()
        held = harness.record()
        newer = replace(held, version=Version(held.version.fence + 1, 1), worker="w:2")
        harness.table.put_claim(newer, held.version, ClaimMark("theirs"))

        assert await task == Forfeit()
        assert harness.record() == newer


@virtual_time
async def test_targets_are_written_by_the_holder_of_the_claim_only(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins()
        await asyncio.sleep(1)
        held = harness.record()
        await harness.table.write(replace(held, version=Version(held.version.fence + 1, 1), worker="w:2"))
        harness.converter.may_finish.set()

        assert await task == Forfeit()
        assert harness.objects.get(TARGET) is None


@virtual_time
async def test_a_completed_job_waits_for_dynamodb_before_it_is_acknowledged(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        may_finish = harness.objects.may_finish[TARGET] = asyncio.Event()
        task = asyncio.create_task(harness.handle())
        await harness.objects.half_done[TARGET].wait()
        harness.table.breaks()
        may_finish.set()
        await asyncio.sleep(20)
        assert not task.done()

        harness.table.works()

        assert await task == Ack()
        assert harness.record().status is Status.COMPLETED


@virtual_time
async def test_a_job_that_hangs_is_stopped_as_stalled(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins()

        disposition = await task

        assert isinstance(disposition, Retry)
        assert harness.record().error.code == "stalled"  # type: ignore[union-attr]


@virtual_time
async def test_a_job_that_takes_too_long_fails_for_good(tmp_path: Path) -> None:
    async with a_harness(tmp_path, limits=replace(LIMITS, job_timeout_seconds=100)) as harness:
        task = await harness.begins()

        disposition = await task

        assert isinstance(disposition, Reject)
        assert harness.record().error.code == "conversion_timeout"  # type: ignore[union-attr]


@virtual_time
async def test_a_cancelled_job_is_acknowledged_with_a_record_that_says_so(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        task = await harness.begins(work)

        work.stop(JobCancelledError())

        assert await task == Ack()
        assert harness.record().status is Status.CANCELLED


@virtual_time
async def test_a_bug_is_logged_with_its_traceback_and_retried_without_it(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.errors[SOURCE].append(ZeroDivisionError("secret"))  # type: ignore[arg-type]

        with logged_events() as logged:
            disposition = await harness.handle()

        assert isinstance(disposition, Retry)
        assert isinstance(logged.one(Event.JOB_RETRIED)["exception"], ZeroDivisionError)
        error = harness.record().error
        assert error is not None
        assert error.code == "internal"
        assert "secret" not in error.message


@virtual_time
async def test_an_output_that_fails_leaves_the_job_uncompleted(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        second = ObjectLocation("out-bucket", "ep-1-b.flac")
        harness.objects.errors[second] += [DependencyUnavailableError("S3")] * 8

        disposition = await harness.handle(a_body("ep-1", TARGET, second))

        assert isinstance(disposition, Retry)
        assert harness.record().status is Status.QUEUED
        assert await harness.handle(a_body("ep-1", TARGET, second), receive_count=2) == Ack()


@virtual_time
async def test_an_upload_that_fails_is_repeated_before_anything_is_converted_again(tmp_path: Path) -> None:
    async with a_harness(tmp_path, limits=replace(LIMITS, stall_seconds=40)) as harness:
        second = ObjectLocation("out-bucket", "ep-1-b.flac")
        harness.objects.errors[second] += [DependencyUnavailableError("S3")] * 7
        began = now()

        assert await harness.handle(a_body("ep-1", TARGET, second)) == Ack()

        assert harness.record().status is Status.COMPLETED
        assert harness.record().attempt == 1
        assert harness.converter.conversions == 1
        assert 45 < now() - began < 120


@virtual_time
async def test_an_upload_is_not_repeated_by_a_worker_that_has_lost_the_job(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.errors[TARGET] += [DependencyUnavailableError("S3")] * 3
        handling = asyncio.create_task(harness.handle())
        await wait_until(lambda: len(harness.objects.errors[TARGET]) == 1)

        await harness.table.write(replace(harness.record(), version=Version(harness.record().version.fence + 1000, 1)))

        assert await handling == Forfeit()
        assert len(harness.objects.errors[TARGET]) == 1
        assert harness.objects.get(TARGET) is None


@virtual_time
async def test_cancelling_the_handler_leaves_nothing_behind(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert harness.converter.running == 0
        assert harness.files() == []
