"""The lines about a job: one for each start and one for each end, with what is asked of them later."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.events import LoggedEvents, logged_events
from tests.support.harness import SECOND, TARGET, a_body, a_harness
from tests.support.virtual_time import now, virtual_time
from worker import metrics
from worker.domain.errors import LeaseLostError, ShutdownError, StalledError
from worker.events import Event

ENDS = (
    *(Event.JOB_COMPLETED, Event.JOB_FAILED, Event.JOB_RETRIED, Event.JOB_RELEASED, Event.JOB_CANCELLED),
    *(Event.LEASE_LOST, Event.JOB_DEFERRED, Event.JOB_DUPLICATE_SKIPPED),
)


def outcomes(logged: LoggedEvents) -> list[str]:
    return [line["outcome"] for event in ENDS for line in logged.of(event)]


def deaths() -> float:
    """Jobs that a worker died over, as /metrics has them."""
    return metrics.totals(metrics.WORKER_DEATHS)[()]


@virtual_time
async def test_a_start_and_an_end_say_how_long_the_job_waited_and_what_it_was(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as it:
        await asyncio.sleep(7.5)

        with logged_events() as logged:
            await it.handle(a_body("ep-1", TARGET, SECOND))

        started, completed = logged.one(Event.JOB_STARTED), logged.one(Event.JOB_COMPLETED)
        for line in (started, completed):
            assert (line["formats"], line["queued_seconds"]) == (["flac"], now())
        assert (started["restart_reason"], started["last_worker"], started["last_error_code"]) == (None, None, None)
        assert completed["source_codec"] == "pcm_s16le"
        assert {"cpu_seconds", "s3_calls", "dynamodb_calls", "converter_peak_bytes"} <= completed.keys()
        assert outcomes(logged) == ["completed"]


@virtual_time
async def test_the_playing_time_is_that_of_the_source_however_short_its_first_output_is(tmp_path: Path) -> None:
    counted = metrics.totals(metrics.AUDIO_SECONDS)[()]
    async with a_harness(tmp_path) as it:
        body = json.loads(a_body("ep-1", TARGET, SECOND))
        body["outputs"][0]["end_seconds"] = 0.01

        with logged_events() as logged:
            await it.handle(json.dumps(body))

        assert logged.one(Event.JOB_COMPLETED)["audio_seconds"] == 1.0
        assert metrics.totals(metrics.AUDIO_SECONDS)[()] == counted + 1.0


@virtual_time
@pytest.mark.parametrize(
    ("reason", "outcome", "restart_reason", "code"),
    [
        (ShutdownError(), "released", "released", None),
        (StalledError(300), "retried", "retried", "stalled"),
        (LeaseLostError("the receipt handle is dead"), "lost", "retried", "dependency_unavailable"),
    ],
)
async def test_an_attempt_that_is_stopped_has_one_line_with_its_length_and_the_next_start_says_why_it_is_one(
    reason: ShutdownError | StalledError | LeaseLostError,
    outcome: str,
    restart_reason: str,
    code: str | None,
    tmp_path: Path,
) -> None:
    counted = deaths()
    async with a_harness(tmp_path) as it:
        with logged_events() as logged:
            work = it.work()
            handling = await it.begins(work)
            await asyncio.sleep(20)
            work.stop(reason)
            await handling
            it.converter.may_finish.set()
            await asyncio.sleep(10)
            await it.handle(receive_count=2)

        (ended,) = [line for event in ENDS for line in logged.of(event) if line["outcome"] == outcome]
        assert ended["duration_seconds"] == pytest.approx(20, abs=1)
        assert "downloading" in ended["stage_seconds"]
        again = logged.of(Event.JOB_STARTED)[1]
        assert (again["restart_reason"], again["last_worker"]) == (restart_reason, it.name)
        assert again["last_error_code"] == code
        assert again["queued_seconds"] == pytest.approx(10, abs=1)
        assert outcomes(logged) == [*(["completed"] if outcome != "completed" else []), outcome]
        assert deaths() == counted


@virtual_time
async def test_a_start_after_a_crash_says_which_worker_died(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as it:
        await it.crashes()
        await asyncio.sleep(120)
        counted = deaths()

        with logged_events() as logged:
            await it.handle(receive_count=2)

        again = logged.one(Event.JOB_STARTED)
        assert (again["restart_reason"], again["last_worker"]) == ("worker_died", it.name)
        assert deaths() == counted + 1


@virtual_time
async def test_a_job_that_is_given_up_after_its_worker_died_says_which_one(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as it:
        for count in (1, 2, 3):
            await it.crashes(receive_count=count)
            await asyncio.sleep(120)
        counted = deaths()

        with logged_events() as logged:
            await it.handle(receive_count=4)

        failed = logged.one(Event.JOB_FAILED)
        assert failed["error_code"] == "too_many_attempts"
        assert (failed["restart_reason"], failed["last_worker"]) == ("worker_died", it.name)
        assert logged.of(Event.JOB_STARTED) == []
        assert deaths() == counted + 1


@virtual_time
async def test_a_job_that_cannot_be_claimed_is_deferred_with_the_cause_in_error(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as it:
        it.table.breaks()

        with logged_events() as logged:
            await it.handle()

        deferred = logged.one(Event.JOB_DEFERRED)
        assert (deferred["outcome"], deferred["reason"]) == ("deferred", "the job table is away")
        assert deferred["error"]


@virtual_time
async def test_the_delay_before_a_later_start_is_no_time_that_the_job_waited_for_a_worker(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as it:
        await it.crashes()
        await asyncio.sleep(120)
        metrics.WAITING_VALUES.take()

        await it.handle(receive_count=2)

        assert list(metrics.WAITING_VALUES.take()) == []
