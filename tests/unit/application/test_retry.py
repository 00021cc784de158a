"""`worker retry`: the next run is seen at once, started once, and of the very job that ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.station import a_station
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from tests.support.workshop import a_body, until_empty
from worker.application.jobs.retry import NotRetriedError
from worker.application.messages.message import parse_job
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Status, Version


@virtual_time
async def test_readers_see_the_next_run_at_once_after_a_retry(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        last = await station.failed()
        station.shop.converter.gate.clear()

        first = await station.retry.retry("ep-1")

        assert first is not None
        assert (first.status, first.run, first.attempt, first.error) == (Status.QUEUED, 2, 0, None)
        assert first.version == Version(last.version.fence + 1, 1)
        assert station.shop.redis.held["ep-1"] == first
        await wait_until(lambda: station.shop.converter.running)
        station.shop.converter.gate.set()
        await until_empty(station.queue)
        assert (station.shop.record().status, station.shop.record().run) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_retry_asks_for_the_very_job_that_failed(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        body = json.loads(a_body())
        body["outputs"][0]["channels"] = 1
        await station.failed(json.dumps(body))
        await station.retry.retry("ep-1")
        state = station.shop.table.held_state("ep-1")
        assert state is not None
        assert state.message is not None
        assert parse_job(state.message.body) == parse_job(json.dumps(body))


@virtual_time
async def test_a_cancelled_job_that_never_started_is_run_again(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        station.sender.is_away = True
        with pytest.raises(DependencyUnavailableError):
            await station.submission.submit(parse_job(a_body()))
        await station.shop.cancellation.cancel("ep-1")
        station.sender.is_away = False

        await station.retry.retry("ep-1")
        await until_empty(station.queue)

        assert (station.shop.record().status, station.shop.record().run) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_retry_that_could_not_be_sent_is_sent_by_the_next_one(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        await station.failed()
        station.sender.is_away = True
        with pytest.raises(DependencyUnavailableError):
            await station.retry.retry("ep-1")
        assert station.shop.record().status is Status.QUEUED
        station.sender.is_away = False

        first, again = await station.retry.retry("ep-1"), await station.retry.retry("ep-1")
        await until_empty(station.queue)

        assert first == again
        assert len(set(station.sender.dedup_ids)) == 1
        assert (station.shop.record().status, station.shop.record().run) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_job_that_goes_on_or_is_completed_is_not_run_again(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        assert await station.retry.retry("nobody") is None
        station.shop.converter.gate.clear()
        station.queue.send(a_body())
        await wait_until(lambda: station.shop.converter.running)
        with pytest.raises(NotRetriedError, match="is running"):
            await station.retry.retry("ep-1")
        station.shop.converter.gate.set()
        await until_empty(station.queue)
        with pytest.raises(NotRetriedError, match="is completed"):
            await station.retry.retry("ep-1")


@virtual_time
async def test_a_job_whose_message_holds_a_secret_is_run_again_by_its_dead_letter_only(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        body = json.loads(a_body())
        body["source"] = "s3://in-bucket/a.wav?X-Amz-Signature=0123456789abcdef"
        await station.failed(json.dumps(body))
        with pytest.raises(NotRetriedError, match="left no message"):
            await station.retry.retry("ep-1")
        station.queue.send_back(station.queue.dead_letters[-1])
        await until_empty(station.queue)
        assert station.shop.record().run == 2
