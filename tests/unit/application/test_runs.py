"""A job that failed or was cancelled is run again by its dead letter, and by nothing that was not asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.fakes.queue import DeadLetter, FakeQueue
from tests.support.events import logged_events
from tests.support.station import a_station
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from tests.support.workshop import (
    LEASE_SECONDS,
    LIMITS,
    SOURCE,
    TARGET,
    a_body,
    a_worker,
    a_workshop,
    until_empty,
)
from worker.domain.disposition import Reject
from worker.domain.errors import TooManyAttemptsError
from worker.domain.progress import Status
from worker.events import Event


@virtual_time
async def test_a_dead_letter_that_is_moved_back_runs_its_job_again(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        last = await station.failed()
        with logged_events() as logged:
            station.queue.send_back(station.queue.dead_letters[-1])
            await until_empty(station.queue)

        record = station.shop.record()
        assert (record.status, record.run, record.attempt) == (Status.COMPLETED, 2, 1)
        assert record.version.fence > last.version.fence
        assert record.created_at == last.created_at
        assert station.shop.redis.held["ep-1"] == record
        assert station.shop.objects.get(TARGET) is not None
        assert logged.one(Event.RUN_BEGUN)["last_status"] == "failed"
        assert logged.one(Event.JOB_STARTED)["run"] == 2
        assert not logged.of(Event.JOB_DUPLICATE_SKIPPED)


@virtual_time
async def test_a_plain_duplicate_of_a_failed_job_is_still_skipped(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        last = await station.failed()
        with logged_events() as logged:
            station.queue.send(a_body())
            await until_empty(station.queue)
        assert station.shop.record() == last
        assert logged.one(Event.JOB_DUPLICATE_SKIPPED)["status"] == "failed"


@virtual_time
async def test_a_dead_letter_of_a_job_that_completed_meanwhile_is_skipped(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        await station.failed()
        letter = station.queue.dead_letters[-1]
        for _ in range(2):
            station.queue.send_back(letter)
            await until_empty(station.queue)
        assert (station.shop.record().status, station.shop.record().run) == (Status.COMPLETED, 2)
        assert station.shop.converter.conversions == 1


@virtual_time
async def test_a_job_that_fails_again_has_a_dead_letter_of_its_own(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        await station.failed()
        del station.shop.objects.buckets[SOURCE.bucket][SOURCE.key]
        for run in (2, 3):
            station.queue.send_back(station.queue.dead_letters[-1])
            await until_empty(station.queue)
            rejection = station.queue.dead_letters[-1].rejection
            assert rejection is not None
            assert (rejection.run, rejection.attempt, rejection.job_id) == (run, 1, "ep-1")
            assert (station.shop.record().status, station.shop.record().run) == (Status.FAILED, run)
        assert len(station.queue.dead_letters) == 3


@virtual_time
async def test_of_two_copies_of_a_dead_letter_one_begins_a_run(tmp_path: Path) -> None:
    """As when a redrive is cut off between its send and its delete, and done again."""
    async with a_station(tmp_path) as station:
        await station.failed()
        letter = station.queue.dead_letters[-1]
        del station.shop.objects.buckets[SOURCE.bucket][SOURCE.key]
        for _ in range(3):
            station.queue.send_back(letter)
            await asyncio.sleep(0.001)
        await until_empty(station.queue)
        assert station.shop.record().run == 2
        assert len(station.queue.dead_letters) == 2


@virtual_time
async def test_a_cancel_request_of_the_last_run_does_not_end_the_next(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        station.shop.converter.gate.clear()
        station.queue.send(a_body())
        await wait_until(lambda: station.shop.converter.running)
        await station.shop.cancellation.cancel("ep-1")
        await until_empty(station.queue)
        assert station.shop.record().status is Status.CANCELLED
        station.shop.converter.gate.set()

        await station.retry.retry("ep-1")
        await until_empty(station.queue)
        await asyncio.sleep(5)

        assert (station.shop.record().status, station.shop.record().run) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_job_that_failed_by_its_deaths_starts_anew_and_alone(tmp_path: Path) -> None:
    async with a_workshop(tmp_path, limits=replace(LIMITS, max_attempts=9, max_crashes=2)) as shop:
        for receive_count in range(1, 4):  # the first death was not its own for sure
            await shop.crashes(receive_count=receive_count)
            await asyncio.sleep(LEASE_SECONDS + 1)
        await shop.handle(receive_count=4)
        state = shop.table.held_state("ep-1")
        assert state is not None
        assert state.record.error is not None
        assert state.record.error.code == "too_many_attempts"
        assert state.mark is not None

        queue = FakeQueue(wait_seconds=1)
        async with a_worker(shop, queue):
            queue.send_back(DeadLetter("message-1", a_body(), Reject(TooManyAttemptsError(3), "ep-1", 3)))
            await until_empty(queue)

        assert (shop.record().status, shop.record().run, shop.record().attempt) == (Status.COMPLETED, 2, 1)
        again = shop.table.held_state("ep-1")
        assert again is not None
        assert again.mark is not None
        assert (again.mark.is_suspect, again.mark.deaths_alone) == (True, 0)


@virtual_time
async def test_a_run_through_an_outage_of_redis_is_above_the_end_that_redis_still_has(tmp_path: Path) -> None:
    async with a_station(tmp_path) as station:
        await wait_until(lambda: station.shop.store.cache_state == "connected")
        last = await station.failed()
        assert station.shop.redis.held["ep-1"] == last
        station.shop.redis.breaks()
        station.queue.send_back(station.queue.dead_letters[-1])
        await until_empty(station.queue)
        assert station.shop.redis.held["ep-1"] == last

        station.shop.redis.works()
        await wait_until(lambda: station.shop.redis.held["ep-1"] == station.shop.record())

        assert (station.shop.record().status, station.shop.record().run) == (Status.COMPLETED, 2)
