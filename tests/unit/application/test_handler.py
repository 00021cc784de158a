"""How a delivery ends, for each way in which its job ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.events import logged_events
from tests.support.harness import SOURCE, TARGET, Harness, a_harness
from tests.support.virtual_time import virtual_time
from worker.domain.disposition import Ack, Reject
from worker.domain.errors import ErrorCode, UnsupportedAudioError
from worker.domain.progress import Stage, Status, first_record
from worker.events import Event


@virtual_time
async def test_a_job_is_done_and_its_end_recorded_before_the_ack(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        with logged_events() as logged:
            disposition = await harness.handle()

        assert disposition == Ack()
        record = harness.record()
        assert (record.status, record.percent, record.attempt) == (Status.COMPLETED, 100, 1)
        stored = harness.objects.get(TARGET)
        assert stored is not None
        assert stored.content_type == "audio/flac"
        assert record.outputs[0].bytes == len(stored.data)
        assert record.outputs[0].sha256 == stored.metadata["sha256"]
        assert harness.redis.held["ep-1"] == record
        assert harness.files() == []
        line = logged.one(Event.JOB_COMPLETED)
        assert line["source_bytes"] == len(harness.objects.buckets["in-bucket"][SOURCE.key].data)
        assert set(line["stage_seconds"]) == {stage.value for stage in Stage}


@virtual_time
async def test_lines_about_a_renewal_have_the_fields_of_the_job(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        task = await harness.begins(work)

        assert work.log_fields == {"message_id": work.delivery.message_id, "job_id": "ep-1", "attempt": 1}
        harness.converter.may_finish.set()
        await task


@virtual_time
async def test_a_job_that_takes_its_time_asks_for_its_claim_before_it_publishes(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins()
        await asyncio.sleep(1)
        harness.converter.may_finish.set()
        await task

        assert harness.table.calls == 3  # the claim, the fence before the upload, the end


@virtual_time
async def test_records_only_ever_go_forward(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins()
        await asyncio.sleep(60)
        harness.converter.may_finish.set()
        await task

        writes = harness.table.writes
        assert [record.version for record in writes] == sorted({record.version for record in writes})
        percents = [record.percent for record in writes]
        assert percents == sorted(percents)
        assert len(writes) >= 5  # a claim, checkpoints through the wait, the fence, the end


@virtual_time
async def test_a_body_that_is_no_job_is_rejected_and_its_record_says_so(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        disposition = await harness.handle('{"job_id": "ep-1", "source": 7}')

        assert isinstance(disposition, Reject)
        assert disposition.error.code is ErrorCode.INVALID_MESSAGE
        record = harness.record()
        assert record.status is Status.FAILED
        assert record.error is not None
        assert record.error.code == "invalid_message"


@virtual_time
async def test_a_refused_message_leaves_a_job_of_that_name_alone(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        queued = first_record("ep-1", str(SOURCE), (str(TARGET),), harness.now())
        await harness.table.write_if_unchanged(queued, None)

        disposition = await harness.handle('{"job_id": "ep-1", "source": 7}')

        assert isinstance(disposition, Reject)
        assert harness.record() == queued


def no_source(harness: Harness) -> None:
    harness.objects.buckets["in-bucket"].clear()


def no_target_bucket(harness: Harness) -> None:
    del harness.objects.buckets["out-bucket"]


def no_access(harness: Harness) -> None:
    harness.objects.denied.add("in-bucket")


def too_large(harness: Harness) -> None:
    harness.objects.put(SOURCE, bytes(2 << 20))


def no_audio(harness: Harness) -> None:
    harness.converter.probe_error = UnsupportedAudioError("no audio")


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (no_source, "source_not_found"),
        (no_target_bucket, "target_refused"),
        (no_access, "access_denied"),
        (too_large, "source_too_large"),
        (no_audio, "unsupported_audio"),
    ],
)
def test_a_permanent_failure_is_recorded_and_rejected(
    tmp_path: Path, harm: Callable[[Harness], None], code: str
) -> None:
    @virtual_time
    async def body() -> None:
        async with a_harness(tmp_path) as harness:
            harm(harness)

            disposition = await harness.handle()

            assert isinstance(disposition, Reject)
            assert disposition.error.code.value == code
            assert harness.record().status is Status.FAILED
            assert harness.record().error is not None
            assert harness.record().error.code == code  # type: ignore[union-attr]
            assert harness.redis.held["ep-1"] == harness.record()
            assert harness.files() == []

    body()


@virtual_time
async def test_the_drain_sees_how_long_a_running_job_still_needs(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        assert work.remaining_seconds is None
        task = await harness.begins(work)

        assert work.remaining_seconds is not None

        harness.converter.may_finish.set()
        await task
        assert work.remaining_seconds is None


@virtual_time
async def test_an_outage_of_redis_changes_nothing_for_the_job(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.redis.hangs = True

        assert await harness.handle() == Ack()

        assert harness.record().status is Status.COMPLETED
