"""What becomes of a delivery, whatever happens to its job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.events import logged_events
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from tests.support.workshop import RULES, SOURCE, TARGET, Workshop, a_body, a_workshop
from worker.domain.disposition import Ack, Forfeit, Reject, Release, Retry
from worker.domain.errors import (
    ConverterCrashedError,
    DependencyUnavailableError,
    ErrorCode,
    JobCancelledError,
    LeaseLostError,
    ShutdownError,
    UnsupportedAudioError,
)
from worker.domain.job import ObjectLocation
from worker.domain.progress import Stage, Status, Version, first_record
from worker.events import Event


def rooms(shop: Workshop) -> list[Path]:
    return list(shop.root.iterdir())


@virtual_time
async def test_a_job_is_done_and_its_end_recorded_before_the_ack(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        with logged_events() as logged:
            disposition = await shop.handle()

        assert disposition == Ack()
        record = shop.record()
        assert (record.status, record.percent, record.attempt) == (Status.COMPLETED, 100, 1)
        stored = shop.objects.get(TARGET)
        assert stored is not None
        assert stored.content_type == "audio/flac"
        assert record.outputs[0].bytes == len(stored.data)
        assert record.outputs[0].sha256 == stored.metadata["sha256"]
        assert shop.redis.held["ep-1"] == record
        assert rooms(shop) == []
        line = logged.one(Event.JOB_COMPLETED)
        assert line["source_bytes"] == len(shop.objects.buckets["in-bucket"][SOURCE.key].data)
        assert set(line["stage_seconds"]) == {stage.value for stage in Stage}


@virtual_time
async def test_a_lease_knows_what_the_keepers_lines_tell_of_its_job(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        lease = shop.lease()
        task = await shop.begins(lease)

        assert lease.told == {"message_id": lease.delivery.message_id, "job_id": "ep-1", "attempt": 1}
        shop.converter.gate.set()
        await task


@virtual_time
async def test_a_new_job_costs_dynamodb_no_read(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        await shop.handle()

        assert shop.ledger.calls == 2  # the claim and the end


@virtual_time
async def test_a_job_that_takes_its_time_asks_for_its_claim_before_it_publishes(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        task = await shop.begins()
        await asyncio.sleep(1)
        shop.converter.gate.set()
        await task

        assert shop.ledger.calls == 3  # the claim, the fence before the upload, the end


@virtual_time
async def test_records_only_ever_go_forward(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        task = await shop.begins()
        await asyncio.sleep(60)
        shop.converter.gate.set()
        await task

        writes = shop.ledger.writes
        assert [record.version for record in writes] == sorted({record.version for record in writes})
        percents = [record.percent for record in writes]
        assert percents == sorted(percents)
        assert len(writes) >= 5  # a claim, checkpoints through the wait, the fence, the end


@virtual_time
async def test_a_body_that_is_no_job_is_rejected_and_its_record_says_so(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        disposition = await shop.handle('{"job_id": "ep-1", "source": 7}')

        assert isinstance(disposition, Reject)
        assert disposition.error.code is ErrorCode.INVALID_MESSAGE
        record = shop.record()
        assert record.status is Status.FAILED
        assert record.error is not None
        assert record.error.code == "invalid_message"


@virtual_time
async def test_a_refused_message_leaves_a_job_of_that_name_alone(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        queued = first_record("ep-1", str(SOURCE), (str(TARGET),), shop.now())
        await shop.ledger.claim(queued, None)

        disposition = await shop.handle('{"job_id": "ep-1", "source": 7}')

        assert isinstance(disposition, Reject)
        assert shop.record() == queued


@virtual_time
async def test_redis_hears_of_an_end_whose_worker_died_before_it_could_tell(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        await wait_until(lambda: shop.store.redis_state == "connected")
        await shop.handle()
        end = shop.record()
        shop.redis.held["ep-1"] = replace(shop.redis.writes[0], version=Version(end.version.fence, 1))

        await shop.handle(receive_count=2)

        assert shop.redis.held["ep-1"] == end


@virtual_time
async def test_a_final_job_is_acknowledged_and_skipped(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        await shop.handle()
        first = shop.record()

        with logged_events() as logged:
            assert await shop.handle(receive_count=2) == Ack()

        assert shop.record() == first
        assert logged.one(Event.JOB_DUPLICATE_SKIPPED)["status"] == "completed"


@virtual_time
async def test_a_job_that_runs_elsewhere_is_left_alone_until_its_claim_ends(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        task = await shop.begins()
        await asyncio.sleep(5)

        with logged_events() as logged:
            disposition = await shop.handle(receive_count=2)

        assert isinstance(disposition, Retry)
        assert 0 < disposition.delay_seconds <= 60
        assert logged.one(Event.JOB_DEFERRED)["attempt"] == 1
        assert shop.record().attempt == 1
        shop.converter.gate.set()
        assert await task == Ack()


@virtual_time
async def test_a_stale_claim_is_taken_over_and_counts_as_an_attempt(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        crashed = asyncio.create_task(shop.handler.handle(shop.lease()))
        shop.converter.gate.clear()
        await asyncio.sleep(1)
        dead = shop.record()
        crashed.cancel()
        await asyncio.wait([crashed])
        shop.ledger.held["ep-1"] = dead  # as a killed worker leaves it
        await asyncio.sleep(100)
        shop.converter.gate.set()

        assert await shop.handle(receive_count=2) == Ack()
        assert shop.record().attempt == 2


@virtual_time
async def test_the_attempt_after_a_crash_drops_what_was_left_half_uploaded(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        await shop.crashes()
        shop.objects.unfinished.add(TARGET)
        await asyncio.sleep(100)

        assert await shop.handle(receive_count=2) == Ack()
        assert shop.objects.unfinished == set()


@virtual_time
async def test_a_first_attempt_ends_no_upload_of_others_at_its_targets(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        shop.objects.unfinished.add(TARGET)

        assert await shop.handle() == Ack()
        assert shop.objects.unfinished == {TARGET}


@virtual_time
async def test_a_job_that_never_comes_to_an_end_is_given_up(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        queued = first_record("ep-1", str(SOURCE), (str(TARGET),), shop.now())
        await shop.ledger.claim(replace(queued, attempt=3), None)

        disposition = await shop.handle()

        assert isinstance(disposition, Reject)
        record = shop.record()
        assert record.status is Status.FAILED
        assert record.error is not None
        assert record.error.code == "too_many_attempts"
        assert shop.objects.get(TARGET) is None


def no_source(shop: Workshop) -> None:
    shop.objects.buckets["in-bucket"].clear()


def no_target_bucket(shop: Workshop) -> None:
    del shop.objects.buckets["out-bucket"]


def no_access(shop: Workshop) -> None:
    shop.objects.denied.add("in-bucket")


def too_large(shop: Workshop) -> None:
    shop.objects.put(SOURCE, bytes(2 << 20))


def no_audio(shop: Workshop) -> None:
    shop.converter.probe_error = UnsupportedAudioError("no audio")


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
    tmp_path: Path, harm: Callable[[Workshop], None], code: str
) -> None:
    @virtual_time
    async def scene() -> None:
        async with a_workshop(tmp_path) as shop:
            harm(shop)

            disposition = await shop.handle()

            assert isinstance(disposition, Reject)
            assert disposition.error.code.value == code
            assert shop.record().status is Status.FAILED
            assert shop.record().error is not None
            assert shop.record().error.code == code  # type: ignore[union-attr]
            assert shop.redis.held["ep-1"] == shop.record()
            assert rooms(shop) == []

    scene()


@virtual_time
async def test_a_transient_failure_is_retried_and_the_record_waits_with_its_reason(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        shop.converter.convert_error = ConverterCrashedError("ended by signal 11")

        disposition = await shop.handle()

        assert isinstance(disposition, Retry)
        record = shop.record()
        assert (record.status, record.stage, record.attempt) == (Status.QUEUED, None, 1)
        assert record.percent == max(each.percent for each in shop.ledger.writes)
        assert record.error is not None
        assert (record.error.code, record.error.retryable) == ("converter_crashed", True)


@virtual_time
async def test_the_last_attempt_fails_for_good_with_its_own_code(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        shop.converter.convert_error = ConverterCrashedError("ended by signal 11")

        ends = [await shop.handle(receive_count=count) for count in (1, 2, 3)]

        assert [type(end) for end in ends] == [Retry, Retry, Reject]
        assert shop.record().status is Status.FAILED
        assert shop.record().error.code == "converter_crashed"  # type: ignore[union-attr]


@virtual_time
async def test_a_retried_job_completes_and_its_error_is_gone(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        shop.converter.convert_error = ConverterCrashedError("ended by signal 11")
        await shop.handle()
        shop.converter.convert_error = None

        assert await shop.handle(receive_count=2) == Ack()

        record = shop.record()
        assert (record.attempt, record.error) == (2, None)


@virtual_time
async def test_a_shutdown_gives_the_job_back_as_if_it_had_not_begun(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        lease = shop.lease()
        task = await shop.begins(lease)

        with logged_events() as logged:
            lease.stop(ShutdownError())
            assert await task == Release()

        record = shop.record()
        assert (record.status, record.attempt, record.error) == (Status.QUEUED, 0, None)
        assert logged.of(Event.JOB_RELEASED)
        assert shop.converter.running == 0
        assert rooms(shop) == []


@virtual_time
async def test_a_lost_lease_leaves_everything_to_the_next_holder(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        lease = shop.lease()
        task = await shop.begins(lease)
        before = shop.record()

        lease.stop(LeaseLostError("the receipt handle is dead"))

        assert await task == Forfeit()
        assert shop.record() == before
        assert shop.objects.get(TARGET) is None


@virtual_time
async def test_a_job_that_somebody_else_has_claimed_stops_at_its_next_write(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        task = await shop.begins()
        held = shop.record()
        newer = replace(held, version=Version(held.version.fence + 1, 1), worker="w:2")
        await shop.ledger.write(newer)

        assert await task == Forfeit()
        assert shop.record() == newer


@virtual_time
async def test_targets_are_written_by_the_holder_of_the_claim_only(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        task = await shop.begins()
        await asyncio.sleep(1)
        held = shop.record()
        await shop.ledger.write(replace(held, version=Version(held.version.fence + 1, 1), worker="w:2"))
        shop.converter.gate.set()

        assert await task == Forfeit()
        assert shop.objects.get(TARGET) is None


@virtual_time
async def test_nothing_starts_while_the_claim_cannot_be_kept(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        shop.ledger.breaks()

        disposition = await shop.handle()

        assert isinstance(disposition, Retry)
        assert shop.converter.running == 0
        assert shop.objects.get(TARGET) is None


@virtual_time
async def test_an_end_that_cannot_be_recorded_brings_the_message_back(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        shop.converter.convert_error = UnsupportedAudioError("not audio")
        task = await shop.begins()
        shop.ledger.breaks()
        shop.converter.gate.set()

        assert isinstance(await task, Retry)
        assert shop.record().status is Status.RUNNING


@virtual_time
async def test_a_completed_job_waits_for_dynamodb_before_it_is_acknowledged(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        gate = shop.objects.gates[TARGET] = asyncio.Event()
        task = asyncio.create_task(shop.handle())
        await shop.objects.half_done[TARGET].wait()
        shop.ledger.breaks()
        gate.set()
        await asyncio.sleep(20)
        assert not task.done()

        shop.ledger.works()

        assert await task == Ack()
        assert shop.record().status is Status.COMPLETED


@virtual_time
async def test_a_job_that_hangs_is_stopped_as_stalled(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        task = await shop.begins()

        disposition = await task

        assert isinstance(disposition, Retry)
        assert shop.record().error.code == "stalled"  # type: ignore[union-attr]


@virtual_time
async def test_a_job_that_takes_too_long_fails_for_good(tmp_path: Path) -> None:
    async with a_workshop(tmp_path, rules=replace(RULES, job_timeout_seconds=100)) as shop:
        task = await shop.begins()

        disposition = await task

        assert isinstance(disposition, Reject)
        assert shop.record().error.code == "conversion_timeout"  # type: ignore[union-attr]


@virtual_time
async def test_a_cancelled_job_is_acknowledged_with_a_record_that_says_so(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        lease = shop.lease()
        task = await shop.begins(lease)

        lease.stop(JobCancelledError())

        assert await task == Ack()
        assert shop.record().status is Status.CANCELLED


@virtual_time
async def test_a_bug_is_logged_with_its_traceback_and_retried_without_it(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        shop.objects.errors[SOURCE].append(ZeroDivisionError("secret"))  # type: ignore[arg-type]

        with logged_events() as logged:
            disposition = await shop.handle()

        assert isinstance(disposition, Retry)
        assert isinstance(logged.one(Event.JOB_RETRIED)["exception"], ZeroDivisionError)
        error = shop.record().error
        assert error is not None
        assert error.code == "internal"
        assert "secret" not in error.message


@virtual_time
async def test_an_output_that_fails_leaves_the_job_uncompleted(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        second = ObjectLocation("out-bucket", "ep-1-b.flac")
        shop.objects.errors[second].append(DependencyUnavailableError("S3"))

        disposition = await shop.handle(a_body("ep-1", TARGET, second))

        assert isinstance(disposition, Retry)
        assert shop.record().status is Status.QUEUED
        assert await shop.handle(a_body("ep-1", TARGET, second), receive_count=2) == Ack()


@virtual_time
async def test_the_job_tells_the_drain_how_long_it_still_needs(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        lease = shop.lease()
        task = await shop.begins(lease)

        assert lease.remaining_seconds is not None

        shop.converter.gate.set()
        await task


@virtual_time
async def test_cancelling_the_handler_leaves_nothing_behind(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        task = await shop.begins()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert shop.converter.running == 0
        assert rooms(shop) == []


@virtual_time
async def test_an_outage_of_redis_changes_nothing_for_the_job(tmp_path: Path) -> None:
    async with a_workshop(tmp_path) as shop:
        shop.redis.hangs = True

        assert await shop.handle() == Ack()

        assert shop.record().status is Status.COMPLETED
