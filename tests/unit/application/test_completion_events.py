"""Each end of a job is published once its record is in the job table, and its message stays until that is done."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.fakes.publisher import FakePublisher
from tests.support.events import logged_events
from tests.support.handling import runs_and_finisher
from tests.support.harness import LEASE_SECONDS, LIMITS, Harness, a_harness
from tests.support.records import NOW, a_record, completed
from tests.support.sounds import silence
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.application.jobs.completion_events import CompletionEvents
from worker.domain.completion import CompletionEvent
from worker.domain.disposition import Ack, Disposition, Reject, Retry
from worker.domain.errors import DependencyUnavailableError, NoAudioError, ShutdownError
from worker.domain.location import ObjectLocation
from worker.domain.progress import Status, first_record
from worker.events import Event

NO_TARGETS = '{"job_id": "ep-9", "source": "s3://in-bucket/a.wav", "outputs": []}'
FAILURE = DependencyUnavailableError("SNS", "did not answer")


def published(harness: Harness) -> list[tuple[str, str]]:
    """The events that the topic has: their ids and types."""
    return [(event.event_id, event.type) for event in harness.publisher.events]


@virtual_time
async def test_the_end_of_a_completed_job_is_published_with_its_final_record(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        assert await harness.handle() == Ack()

        [event] = harness.publisher.events
        assert event.record == harness.record()
        assert event.type == "job.completed"


@virtual_time
async def test_the_event_of_joined_sources_has_a_list_of_their_addresses(tmp_path: Path) -> None:
    sources = ["s3://in-bucket/a.wav", "s3://in-bucket/b.wav"]
    outputs = [{"target": "s3://out-bucket/ab.flac", "format": "flac"}]
    body = {"job_id": "ep-1", "source": [{"source": source} for source in sources], "outputs": outputs}
    async with a_harness(tmp_path) as harness:
        for source in sources:
            harness.objects.put(ObjectLocation.parse(source), silence(1))

        assert await harness.handle(json.dumps(body)) == Ack()

        [event] = harness.publisher.events
        assert json.loads(event.to_json())["record"]["source"] == sources


@virtual_time
async def test_the_end_of_a_failed_job_is_published_before_its_message_is_rejected(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = NoAudioError()

        assert isinstance(await harness.handle(), Reject)

        assert [kind for _, kind in published(harness)] == ["job.failed"]


@virtual_time
async def test_an_attempt_that_is_tried_again_is_no_end(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        task = await harness.begins(work := harness.work())
        work.stop(ShutdownError())
        await task

        assert published(harness) == []


@virtual_time
async def test_the_end_of_a_refused_message_with_a_job_id_is_published(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        assert isinstance(await harness.handle(NO_TARGETS), Reject)

        [event] = harness.publisher.events
        assert (event.record.job_id, event.type) == ("ep-9", "job.failed")


@virtual_time
async def test_the_end_of_a_job_cancelled_before_its_start_is_published_by_the_command_and_again_with_its_message(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path) as harness:
        queued = first_record("ep-1", None, ("s3://out-bucket/ep-1.flac",), harness.now())
        await harness.table.submit(queued, None)

        await harness.cancellation.cancel("ep-1")
        assert await harness.handle() == Ack()

        assert published(harness) == [("ep-1:0:2", "job.cancelled")] * 2


@virtual_time
async def test_the_end_of_a_job_that_uses_up_its_attempts_is_published(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        for receive_count in range(1, LIMITS.max_attempts + 1):
            await harness.crashes(receive_count=receive_count)
            await asyncio.sleep(LEASE_SECONDS + 1)

        assert isinstance(await harness.handle(receive_count=LIMITS.max_attempts + 1), Reject)

        assert [kind for _, kind in published(harness)] == ["job.failed"]


# --- what cannot be published ---------------------------------------------------------------------------------------


async def until_settled(harness: Harness, body: str | None = None) -> tuple[list[float], Disposition]:
    """Deliver the message again and again until it is settled for good: the delays before, and how it ends."""
    delays: list[float] = []
    while True:
        disposition = await harness.handle(body, receive_count=len(delays) + 1)
        if not isinstance(disposition, Retry):
            return delays, disposition
        delays.append(disposition.delay_seconds)
        await asyncio.sleep(disposition.delay_seconds)


@virtual_time
@pytest.mark.parametrize("body", [None, NO_TARGETS], ids=["a job", "a refused message"])
async def test_an_unpublished_end_keeps_its_message_until_it_can_be_published(
    tmp_path: Path, body: str | None
) -> None:
    async with a_harness(tmp_path) as harness:
        harness.publisher.is_failing = True
        with logged_events() as logged:
            first = await harness.handle(body)

        assert isinstance(first, Retry)
        line = logged.one(Event.EVENT_PUBLISH_FAILED)
        assert (line["log_level"], line["publisher"], line["error"]) == ("warning", "sns", "SNS did not answer")
        harness.publisher.is_failing = False
        second = await harness.handle(body, receive_count=2)
        assert isinstance(second, Ack if body is None else Reject)
        assert len(published(harness)) == 1


@virtual_time
async def test_a_failed_job_whose_end_is_published_late_is_rejected_then(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = NoAudioError()
        harness.publisher.failures = [FAILURE] * 3

        delays, disposition = await until_settled(harness)

        assert isinstance(disposition, Reject)
        assert disposition.error.code == "no_audio"
        assert len(delays) == 3
        assert len(published(harness)) == 1


@virtual_time
async def test_an_end_is_given_up_after_an_hour_and_the_job_is_as_done_as_ever(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.publisher.is_failing = True
        with logged_events() as logged:
            delays, disposition = await until_settled(harness)

        assert disposition == Ack()
        assert harness.record().status is Status.COMPLETED
        assert 9 <= len(delays) <= 14
        assert 3600 <= sum(delays) <= 4500
        levels = [line["log_level"] for line in logged.of(Event.EVENT_PUBLISH_FAILED)]
        assert levels == ["warning"] * len(delays) + ["error"]


@virtual_time
async def test_a_topic_that_keeps_the_event_and_never_answers_costs_seconds_and_a_repetition(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.publisher.hangs = True
        began_at = asyncio.get_running_loop().time()

        assert isinstance(await harness.handle(), Retry)
        assert asyncio.get_running_loop().time() - began_at < 10
        harness.publisher.hangs = False
        assert await harness.handle(receive_count=2) == Ack()

        first, second = harness.publisher.events
        assert first.event_id == second.event_id
        assert first.to_json() == second.to_json()


@virtual_time
async def test_a_stop_while_an_end_is_published_does_not_lose_it(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.publisher.hangs = True
        work = harness.work()
        task = asyncio.create_task(harness.handler.handle(work))
        await wait_until(lambda: harness.publisher.events)
        work.stop(ShutdownError(seconds_left=2.0))
        began_at = asyncio.get_running_loop().time()

        disposition = await task

        assert isinstance(disposition, Retry)
        assert asyncio.get_running_loop().time() - began_at <= 1.0
        assert len(published(harness)) == 2


@virtual_time
async def test_a_run_begins_after_the_end_of_the_one_before_was_published_again(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.convert_error = NoAudioError()
        harness.publisher.failures = [FAILURE]
        await harness.handle()
        runs, _ = runs_and_finisher(harness.table, harness.redis, now=harness.now, publisher=harness.publisher)
        state = await harness.table.state("ep-1")
        assert state is not None

        await runs.begin_next(state)

        assert published(harness) == [(CompletionEvent(state.record).event_id, "job.failed")]
        assert harness.record().run == 2


@virtual_time
async def test_a_caller_that_waits_for_an_answer_waits_no_longer_for_a_topic_that_hangs_than_it_says() -> None:
    publisher = FakePublisher()
    publisher.hangs = True
    events = CompletionEvents([publisher], now=lambda: NOW, random=lambda: 0.5, publish_seconds=0.3)
    began_at = now()

    assert await events.publish(completed(a_record(), 2)) is not None
    assert now() - began_at == pytest.approx(0.3)
