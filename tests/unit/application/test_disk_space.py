"""Jobs reserve the disk before they write, and wait for it without failing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.fakes.queue import FakeQueue
from tests.fakes.volume import FakeVolume
from tests.support.events import logged_events
from tests.support.harness import LEASE_SECONDS, LIMITS, SOURCE, TARGET, Harness, a_harness, a_worker, until_empty
from tests.support.sounds import silence
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.application.consuming.work import Work
from worker.application.jobs.attempt import JobLimits
from worker.domain.disposition import Ack, Forfeit, Reject, Release, Retry
from worker.domain.errors import LeaseLostError, ShutdownError
from worker.domain.job import ObjectLocation
from worker.domain.progress import Status
from worker.events import Event

KIB = 1024
# A second of silence has 16 kB, and its output may need as much and 256 KiB besides: two such jobs fit, not three.
DISK_BYTES = 700 * KIB


def body_of(job_id: str, *, source: ObjectLocation = SOURCE, audio_format: str = "flac") -> str:
    outputs = [{"target": f"s3://out-bucket/{job_id}", "format": audio_format}]
    outputs[0] |= {"bitrate_kbps": 8} if audio_format == "mp3" else {}  # type: ignore[dict-item]
    return json.dumps({"job_id": job_id, "source": str(source), "outputs": outputs})


async def begins(harness: Harness, job_id: str) -> Work:
    """A job that converts, and waits for the converter's `may_finish`."""
    work = harness.work(body_of(job_id))
    running = harness.converter.running
    asyncio.get_running_loop().create_task(harness.handler.handle(work), name=job_id)
    await wait_until(lambda: harness.converter.running > running)
    return work


async def waits(harness: Harness, job_id: str) -> tuple[Work, asyncio.Task[object]]:
    """A job that waits for space."""
    with logged_events() as logged:
        work = harness.work(body_of(job_id))
        task: asyncio.Task[object] = asyncio.create_task(harness.handler.handle(work), name=job_id)
        await wait_until(lambda: logged.of(Event.JOB_DELAYED))
    return work, task


# --- waiting -------------------------------------------------------------------------------------------------------


@virtual_time
async def test_eighty_jobs_on_a_disk_for_two_are_started_once_each(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    queue = FakeQueue(visibility_seconds=LEASE_SECONDS)
    with logged_events() as logged:
        async with a_harness(tmp_path, volume=volume) as harness, a_worker(harness, queue, concurrency=64):
            for number in range(80):
                queue.send(body_of(f"job-{number}"))
            await until_empty(queue)

            records = [harness.record(f"job-{number}") for number in range(80)]

    assert {(record.status, record.attempt) for record in records} == {(Status.COMPLETED, 1)}
    assert len(logged.of(Event.JOB_STARTED)) == 80
    assert logged.of(Event.JOB_DELAYED)


@virtual_time
async def test_a_job_that_waits_neither_stalls_nor_times_out_and_its_claim_is_renewed(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    limits = JobLimits(LEASE_SECONDS, job_timeout_seconds=50, stall_seconds=20, max_attempts=3)
    async with a_harness(tmp_path, volume=volume, limits=limits) as harness:
        volume.foreign_bytes = DISK_BYTES // 2
        async with harness.workspace.job_directory() as other:
            (other.path / "of-another-job").write_bytes(bytes(300 * KIB))
            _, task = await waits(harness, "late")
            claimed = harness.record("late")

            await asyncio.sleep(200)

            record = harness.record("late")
        assert record.status is Status.RUNNING
        assert (record.updated_at - claimed.updated_at).total_seconds() > 150
        assert await task == Ack()
        assert harness.record("late").attempt == 1


@virtual_time
async def test_a_job_that_has_waited_still_has_the_time_that_it_may_take(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    limits = JobLimits(LEASE_SECONDS, job_timeout_seconds=50, stall_seconds=600, max_attempts=3)
    async with a_harness(tmp_path, volume=volume, limits=limits) as harness:
        async with harness.workspace.job_directory() as other:
            (other.path / "of-another-job").write_bytes(bytes(600 * KIB))
            _, task = await waits(harness, "late")
            await asyncio.sleep(200)
            harness.converter.may_finish.clear()
        await wait_until(lambda: harness.converter.running)
        began = now()

        assert isinstance(await task, Reject)

        assert now() - began == pytest.approx(50, abs=2)
        assert harness.record("late").error.code == "conversion_timeout"  # type: ignore[union-attr]


@virtual_time
async def test_a_job_for_which_there_is_no_space_in_a_quarter_of_an_hour_is_given_back_and_no_attempt_is_used_up(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, DISK_BYTES)) as harness:
        async with harness.workspace.job_directory() as other:
            (other.path / "of-another-job").write_bytes(bytes(600 * KIB))
            _, task = await waits(harness, "late")
            began = now()

            assert isinstance(await task, Retry)

        assert now() - began == pytest.approx(900, abs=2)
        record = harness.record("late")
        assert (record.status, record.attempt) == (Status.QUEUED, 0)
        assert record.error is not None
        assert (record.error.code, record.error.retryable) == ("workspace_full", True)


@virtual_time
async def test_what_others_than_the_worker_have_written_is_not_waited_for(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    async with a_harness(tmp_path, volume=volume) as harness:
        volume.foreign_bytes = DISK_BYTES - 10 * KIB
        began, free_bytes = now(), volume.free_bytes(tmp_path)

        assert isinstance(await harness.handle(), Retry)

        assert now() - began < 1
        assert harness.record().attempt == 0
        assert f"; {free_bytes} are free" in harness.record().error.message  # type: ignore[union-attr]
        volume.foreign_bytes = 0
        assert await harness.handle(receive_count=2) == Ack()


@virtual_time
async def test_a_small_job_goes_on_beside_a_large_one_that_waits(tmp_path: Path) -> None:
    large = ObjectLocation("in-bucket", "large.wav")
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, DISK_BYTES)) as harness:
        harness.objects.put(large, silence(10))
        harness.converter.may_finish.clear()
        await begins(harness, "first")
        with logged_events() as logged:
            task = asyncio.create_task(harness.handle(body_of("large", source=large)))
            await wait_until(lambda: logged.of(Event.JOB_DELAYED))

        await begins(harness, "small")

        harness.converter.may_finish.set()
        assert await task == Ack()


# --- what ends a job while it waits --------------------------------------------------------------------------------


@virtual_time
async def test_a_job_that_waits_is_cancelled_and_the_next_in_order_goes_on(tmp_path: Path) -> None:
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, DISK_BYTES)) as harness:
        harness.converter.may_finish.clear()
        await begins(harness, "first")
        await begins(harness, "second")
        _, third = await waits(harness, "third")
        _, fourth = await waits(harness, "fourth")

        await harness.cancellation.cancel("third")

        assert await third == Ack()
        assert harness.record("third").status is Status.CANCELLED
        harness.converter.may_finish.set()
        assert await fourth == Ack()


@virtual_time
async def test_a_worker_that_stops_gives_jobs_that_wait_back_at_once_and_finishes_those_that_run(
    tmp_path: Path,
) -> None:
    queue = FakeQueue(visibility_seconds=LEASE_SECONDS)
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, DISK_BYTES)) as harness:
        harness.converter.may_finish.clear()
        with logged_events() as logged:
            async with a_worker(harness, queue, concurrency=3) as consumer:
                for number in range(3):
                    queue.send(body_of(f"job-{number}"))
                await wait_until(lambda: harness.converter.running == 2 and logged.of(Event.JOB_DELAYED))

                consumer.stop(jobs_until=now() + 80, settle_until=now() + 100)
                began = now()
                await wait_until(lambda: logged.of(Event.JOB_RELEASED))
                assert now() - began < 10
                harness.converter.may_finish.set()
                await wait_until(lambda: len(logged.of(Event.JOB_COMPLETED)) == 2)

    statuses = sorted(harness.record(f"job-{number}").status for number in range(3))
    assert statuses == [Status.COMPLETED, Status.COMPLETED, Status.QUEUED]
    assert logged.one(Event.JOB_RELEASED)


@pytest.mark.parametrize(
    ("reason", "end"), [(LeaseLostError("the receipt handle is dead"), Forfeit()), (ShutdownError(), Release())]
)
@virtual_time
async def test_a_job_that_is_stopped_while_it_waits_leaves_nothing(
    reason: LeaseLostError | ShutdownError, end: Forfeit | Release, tmp_path: Path
) -> None:
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, DISK_BYTES)) as harness:
        harness.converter.may_finish.clear()
        await begins(harness, "first")
        await begins(harness, "second")
        work, task = await waits(harness, "third")

        work.stop(reason)

        assert await task == end
        assert len(harness.files()) == 2
        harness.converter.may_finish.set()
        assert await harness.handle(body_of("fourth")) == Ack()


# --- what never fits -----------------------------------------------------------------------------------------------


@virtual_time
async def test_a_job_that_can_never_fit_fails_at_once_with_both_numbers(tmp_path: Path) -> None:
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, 20 * KIB)) as harness:
        harness.objects.put(SOURCE, silence(2))

        assert isinstance(await harness.handle(), Reject)

        error = harness.record().error
        assert error is not None
        assert (error.code, error.retryable) == ("source_too_large", False)
        assert str(len(silence(2))) in error.message
        assert str(20 * KIB) in error.message


@virtual_time
async def test_outputs_that_cannot_but_exceed_their_limit_are_not_begun(tmp_path: Path) -> None:
    async with a_harness(tmp_path, output_limit_bytes=10 * KIB) as harness:
        assert isinstance(await harness.handle(body_of("ep-1", audio_format="wav")), Reject)

        assert harness.converter.conversions == 0
        assert harness.record().error.code == "source_too_large"  # type: ignore[union-attr]
        assert f"the limit is {10 * KIB}" in harness.record().error.message  # type: ignore[union-attr]


@virtual_time
async def test_outputs_that_turn_out_to_exceed_their_limit_are_not_published(tmp_path: Path) -> None:
    async with a_harness(tmp_path, output_limit_bytes=10 * KIB) as harness:
        assert isinstance(await harness.handle(), Reject)

        assert harness.objects.get(TARGET) is None
        assert harness.record().error.code == "source_too_large"  # type: ignore[union-attr]


# --- estimates that are too low ------------------------------------------------------------------------------------


@virtual_time
async def test_an_output_that_outgrows_its_estimate_is_converted_again_with_more_space(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.put(SOURCE, silence(40))  # the converter copies it, and calls it an MP3

        assert await harness.handle(body_of("ep-1", audio_format="mp3")) == Ack()

        assert harness.converter.conversions == 2
        assert harness.record().attempt == 1


@virtual_time
async def test_a_job_that_outgrows_its_estimate_beside_others_gives_back_all_and_waits(tmp_path: Path) -> None:
    large = ObjectLocation("in-bucket", "large.wav")
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, 1800 * KIB), limits=LIMITS) as harness:
        harness.objects.put(large, silence(40))
        harness.converter.may_finish.clear()
        await begins(harness, "first")
        await begins(harness, "second")
        harness.converter.may_finish.set()
        with logged_events() as logged:
            assert await harness.handle(body_of("large", source=large, audio_format="mp3")) == Ack()

        assert logged.one(Event.JOB_DELAYED)["needed_bytes"] > 1000 * KIB
        assert len([each for each in harness.table.writes if each.status is Status.COMPLETED]) == 3
