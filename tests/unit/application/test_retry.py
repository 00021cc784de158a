"""`worker retry`: the next run is seen at once, started once, and of the very job that ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.harness import a_body, until_empty
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from tests.support.worker_with_commands import a_worker_with_commands
from worker.application.messages.message import parse_job
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError
from worker.domain.progress import Status, Version
from worker.domain.refusals import NotRetriedError


@virtual_time
async def test_readers_see_the_next_run_at_once_after_a_retry(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        last = await system.failed()
        system.harness.converter.may_finish.clear()

        first = await system.retry.retry("ep-1")

        assert first is not None
        assert (first.status, first.run, first.attempt, first.error) == (Status.QUEUED, 2, 0, None)
        assert first.version == Version(last.version.fence + 1, 1)
        assert system.harness.redis.held["ep-1"] == first
        await wait_until(lambda: system.harness.converter.running)
        system.harness.converter.may_finish.set()
        await until_empty(system.queue)
        assert (system.harness.record().status, system.harness.record().run) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_retry_asks_for_the_very_job_that_failed(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        body = json.loads(a_body())
        body["outputs"][0]["channels"] = 1
        await system.failed(json.dumps(body))
        await system.retry.retry("ep-1")
        state = system.harness.table.held_state("ep-1")
        assert state is not None
        assert state.message is not None
        assert parse_job(state.message.body) == parse_job(json.dumps(body))


@virtual_time
async def test_a_cancelled_job_that_never_started_is_run_again(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        system.sender.is_away = True
        with pytest.raises(DependencyUnavailableError):
            await system.submission.submit(parse_job(a_body()))
        await system.harness.cancellation.cancel("ep-1")
        system.sender.is_away = False

        await system.retry.retry("ep-1")
        await until_empty(system.queue)

        assert (system.harness.record().status, system.harness.record().run) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_run_whose_message_the_queue_does_not_take_any_more_has_failed(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        await system.failed()
        system.sender.refuses = True

        with pytest.raises(InvalidMessageError):
            await system.retry.retry("ep-1")

        assert (system.harness.record().status, system.harness.record().run) == (Status.FAILED, 2)


@virtual_time
async def test_a_retry_that_could_not_be_sent_is_sent_by_the_next_one(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        await system.failed()
        system.sender.is_away = True
        with pytest.raises(DependencyUnavailableError):
            await system.retry.retry("ep-1")
        assert system.harness.record().status is Status.QUEUED
        system.sender.is_away = False

        first, again = await system.retry.retry("ep-1"), await system.retry.retry("ep-1")
        await until_empty(system.queue)

        assert first == again
        assert len(set(system.sender.dedup_ids)) == 1
        assert (system.harness.record().status, system.harness.record().run) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_job_that_goes_on_or_is_completed_is_not_run_again(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        assert await system.retry.retry("nobody") is None
        system.harness.converter.may_finish.clear()
        system.queue.send(a_body())
        await wait_until(lambda: system.harness.converter.running)
        with pytest.raises(NotRetriedError, match="is running"):
            await system.retry.retry("ep-1")
        system.harness.converter.may_finish.set()
        await until_empty(system.queue)
        with pytest.raises(NotRetriedError, match="is completed"):
            await system.retry.retry("ep-1")


@virtual_time
async def test_a_job_whose_message_holds_a_secret_is_run_again_by_its_dead_letter_only(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        body = json.loads(a_body())
        body["source"] = "s3://in-bucket/a.wav?X-Amz-Signature=0123456789abcdef"
        await system.failed(json.dumps(body))
        with pytest.raises(NotRetriedError, match="left no message"):
            await system.retry.retry("ep-1")
        system.queue.send_back(system.queue.dead_letters[-1])
        await until_empty(system.queue)
        assert system.harness.record().run == 2
