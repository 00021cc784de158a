"""Where no job can be done, nothing is received: one pause for each outage, and no message is used up by it."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.fakes.queue import FakeQueue
from tests.support.events import LoggedEvents, logged_events
from tests.support.harness import LEASE_SECONDS, Harness, a_harness, a_worker, until_empty
from tests.support.sounds import silence
from tests.support.virtual_time import now, virtual_time
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.pause import PauseReason
from worker.domain.circuit import Severity
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.domain.job import ObjectLocation
from worker.domain.progress import Status
from worker.events import Event
from worker.ports import StoreUnavailableError

HOUR = 3600.0
JOBS = 12
MAX_RECEIVES = 10


def send(queue: FakeQueue, harness: Harness, number: int, bucket: str = "in-bucket") -> ObjectLocation:
    """Put a source and its job's message; returns the source."""
    source = ObjectLocation(bucket, f"source-{number}.wav")
    harness.objects.buckets.setdefault(bucket, {})
    harness.objects.put(source, silence(1))
    outputs = [{"target": f"s3://out-bucket/job-{number}", "format": "flac"}]
    queue.send(json.dumps({"job_id": f"job-{number}", "source": str(source), "outputs": outputs}))
    return source


def a_queue() -> FakeQueue:
    return FakeQueue(visibility_seconds=LEASE_SECONDS, max_receive_count=MAX_RECEIVES)


async def until_paused(consumer: Consumer, reason: PauseReason) -> None:
    while (pause := consumer.status().pause) is None or pause.reason is not reason:  # noqa: ASYNC110 - time is virtual
        await asyncio.sleep(0.1)


def all_completed(harness: Harness) -> bool:
    return all(harness.record(f"job-{number}").status is Status.COMPLETED for number in range(JOBS))


def pauses_of(logged: LoggedEvents) -> list[tuple[str, str]]:
    return [(line["log_level"], line["reason"]) for line in logged.of(Event.CONSUMPTION_PAUSED)]


# --- the job table -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("severity", "level"), [(Severity.SOFT, "warning"), (Severity.HARD, "error")])
@virtual_time
async def test_an_hour_without_the_table_costs_each_message_a_few_receives_and_no_job(
    tmp_path: Path, severity: Severity, level: str
) -> None:
    queue = a_queue()
    with logged_events() as logged:
        async with a_harness(tmp_path) as harness, a_worker(harness, queue) as consumer:
            send(queue, harness, 0)
            await until_empty(queue)
            harness.table.failure = StoreUnavailableError("DynamoDB answered so", severity)
            for number in range(1, JOBS):
                send(queue, harness, number)
            await until_paused(consumer, PauseReason.TABLE)
            calls = queue.calls["receive"]
            await asyncio.sleep(HOUR)

            assert queue.calls["receive"] == calls
            assert queue.dead_letters == []
            assert len(queue) == JOBS - 1
            harness.table.works()
            await until_empty(queue)

            assert all_completed(harness)
            assert consumer.status().pause is None

    line = logged.one(Event.DYNAMODB_UNAVAILABLE)
    assert (line["log_level"], line["error"]) == (level, "DynamoDB answered so")
    over = logged.one(Event.DYNAMODB_AVAILABLE)
    assert over["outage_seconds"] == pytest.approx(HOUR, rel=0.02)
    assert over["jobs_put_off"] == len(logged.of(Event.JOB_DEFERRED)) > 0
    assert pauses_of(logged) == [(level, "table")]
    assert logged.one(Event.CONSUMPTION_RESUMED)["reason"] == "table"


@virtual_time
async def test_one_failure_of_the_table_pauses_nothing(tmp_path: Path) -> None:
    queue = a_queue()
    with logged_events() as logged:
        async with a_harness(tmp_path) as harness, a_worker(harness, queue):
            send(queue, harness, 0)
            await until_empty(queue)
            harness.table.acks_lost = 1
            send(queue, harness, 1)
            await until_empty(queue)

    assert not logged.of(Event.DYNAMODB_UNAVAILABLE)
    assert not logged.of(Event.CONSUMPTION_PAUSED)


@virtual_time
async def test_nothing_is_received_before_the_table_has_answered(tmp_path: Path) -> None:
    queue = a_queue()
    async with a_harness(tmp_path) as harness:
        harness.table.breaks()
        async with a_worker(harness, queue) as consumer:
            send(queue, harness, 0)
            await until_paused(consumer, PauseReason.TABLE)
            await asyncio.sleep(HOUR)

            assert queue.calls["receive"] == 0
            assert not consumer.status().is_polling
            harness.table.works()
            await until_empty(queue)
            assert harness.record("job-0").attempt == 1


@virtual_time
async def test_ten_receives_of_a_message_outlive_an_hour_without_the_table(tmp_path: Path) -> None:
    """As with workers that are started anew all the time: each takes the message once."""
    async with a_harness(tmp_path) as harness:
        harness.table.breaks()
        began_at = now()
        for receive in range(1, MAX_RECEIVES):
            disposition = await harness.handle(receive_count=receive)
            await asyncio.sleep(getattr(disposition, "delay_seconds", 0.0))

        assert now() - began_at > HOUR


@virtual_time
async def test_a_stop_ends_a_pause_at_once(tmp_path: Path) -> None:
    queue = a_queue()
    async with a_harness(tmp_path) as harness:
        harness.table.breaks()
        async with a_worker(harness, queue) as consumer:
            await until_paused(consumer, PauseReason.TABLE)
            await asyncio.sleep(100)
            stopped_at = now()
        assert now() - stopped_at < 1


# --- S3 ------------------------------------------------------------------------------------------------------------


class Outage(list[WorkerError]):
    """An error for each call, as often as there is one."""

    def __init__(self, error: WorkerError) -> None:
        super().__init__([error])
        self._error = error

    def pop(self, _index: object = -1) -> WorkerError:
        return self._error


@virtual_time
async def test_hours_without_s3_fail_no_job_and_use_up_no_attempt(tmp_path: Path) -> None:
    queue = a_queue()
    with logged_events() as logged:
        async with a_harness(tmp_path) as harness, a_worker(harness, queue) as consumer:
            for number in range(JOBS):
                source = send(queue, harness, number)
                harness.objects.errors[source] = Outage(DependencyUnavailableError("S3", "answered 503"))
            await until_paused(consumer, PauseReason.S3)
            assert consumer.status().is_polling
            await asyncio.sleep(3 * HOUR)
            harness.objects.errors.clear()
            await until_empty(queue)

            assert all_completed(harness)
            assert {harness.record(f"job-{number}").attempt for number in range(JOBS)} == {1}

    assert queue.dead_letters == []
    assert pauses_of(logged) == [("warning", "s3")]
    assert len(logged.of(Event.JOB_STARTED)) <= 2 * JOBS


@virtual_time
async def test_one_object_that_s3_cannot_give_pauses_nothing(tmp_path: Path) -> None:
    queue = a_queue()
    with logged_events() as logged:
        async with a_harness(tmp_path) as harness, a_worker(harness, queue):
            source = send(queue, harness, 0)
            harness.objects.errors[source] = Outage(DependencyUnavailableError("S3", "answered 500"))
            for number in range(1, JOBS):
                send(queue, harness, number)
                await asyncio.sleep(HOUR / 2)

            assert harness.record("job-0").status is Status.QUEUED
            assert harness.record(f"job-{JOBS - 1}").status is Status.COMPLETED

    assert not logged.of(Event.CONSUMPTION_PAUSED)


@virtual_time
async def test_a_job_that_s3_does_not_serve_for_twelve_hours_fails_with_its_code(tmp_path: Path) -> None:
    queue = FakeQueue(visibility_seconds=LEASE_SECONDS)
    async with a_harness(tmp_path) as harness, a_worker(harness, queue):
        began_at = now()
        source = send(queue, harness, 0)
        harness.objects.errors[source] = Outage(DependencyUnavailableError("S3", "answered 500"))
        await until_empty(queue)

        assert 12 * HOUR < now() - began_at < 14 * HOUR
        record = harness.record("job-0")
        assert record.error is not None
        assert (record.status, record.error.code) == (Status.FAILED, "dependency_unavailable")


@virtual_time
async def test_ten_jobs_of_different_buckets_that_are_denied_in_a_row_are_a_role_and_pause_consumption(
    tmp_path: Path,
) -> None:
    queue = a_queue()
    with logged_events() as logged:
        async with a_harness(tmp_path) as harness, a_worker(harness, queue) as consumer:
            harness.objects.denied.update({"first", "second"})
            for number in range(30):
                send(queue, harness, number, "first" if number % 2 else "second")
            await until_paused(consumer, PauseReason.S3)
            failed = len(queue.dead_letters)
            await asyncio.sleep(600)

            assert len(queue.dead_letters) == pytest.approx(failed, abs=2)
            harness.objects.denied.clear()
            await until_empty(queue)

    assert 10 <= len(queue.dead_letters) <= 14
    assert pauses_of(logged) == [("error", "s3")]
    assert "check the role's rights" in logged.one(Event.CONSUMPTION_PAUSED)["error"]


@virtual_time
async def test_jobs_of_one_bucket_that_are_denied_pause_nothing(tmp_path: Path) -> None:
    queue = a_queue()
    with logged_events() as logged:
        async with a_harness(tmp_path) as harness, a_worker(harness, queue):
            harness.objects.denied.add("first")
            for number in range(30):
                send(queue, harness, number, "first")
            await until_empty(queue)

    assert len(queue.dead_letters) == 30
    assert not logged.of(Event.CONSUMPTION_PAUSED)


# --- the workspace -------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_workspace_that_cannot_be_written_pauses_consumption_and_uses_up_no_attempt(tmp_path: Path) -> None:
    queue = a_queue()
    root = tmp_path / "workspace"
    with logged_events() as logged:
        async with a_harness(root) as harness, a_worker(harness, queue) as consumer:
            shutil.rmtree(root)
            root.touch()  # a file in its place: the worker cannot make it again
            for number in range(JOBS):
                send(queue, harness, number)
            await until_paused(consumer, PauseReason.WORKSPACE)
            await asyncio.sleep(HOUR)
            assert queue.dead_letters == []
            root.unlink()
            await until_empty(queue)

            assert all_completed(harness)
            assert {harness.record(f"job-{number}").attempt for number in range(JOBS)} == {1}

    assert pauses_of(logged) == [("error", "workspace")]
    assert "cannot be used" in logged.one(Event.CONSUMPTION_PAUSED)["error"]
