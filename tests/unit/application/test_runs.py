"""A job that failed or was cancelled is run again by its dead letter, and by nothing that was not asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.fakes.queue import DeadLetter, FakeQueue
from tests.support.events import logged_events
from tests.support.harness import (
    LEASE_SECONDS,
    LIMITS,
    SOURCE,
    TARGET,
    a_body,
    a_harness,
    a_worker,
    until_empty,
)
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from tests.support.worker_with_commands import a_worker_with_commands
from worker.domain.disposition import Reject
from worker.domain.errors import TooManyAttemptsError
from worker.domain.progress import Status
from worker.events import Event


@virtual_time
async def test_a_dead_letter_that_is_moved_back_runs_its_job_again(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        last = await system.failed()
        with logged_events() as logged:
            system.queue.send_back(system.queue.dead_letters[-1])
            await until_empty(system.queue)

        record = system.harness.record()
        assert (record.status, record.run, record.attempt) == (Status.COMPLETED, 2, 1)
        assert record.version.fence > last.version.fence
        assert record.created_at == last.created_at
        assert system.harness.redis.held["ep-1"] == record
        assert system.harness.objects.get(TARGET) is not None
        assert logged.one(Event.RUN_BEGUN)["last_status"] == "failed"
        assert logged.one(Event.JOB_STARTED)["run"] == 2
        assert not logged.of(Event.JOB_DUPLICATE_SKIPPED)


@virtual_time
async def test_a_plain_duplicate_of_a_failed_job_is_still_skipped(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        last = await system.failed()
        with logged_events() as logged:
            system.queue.send(a_body())
            await until_empty(system.queue)
        assert system.harness.record() == last
        assert logged.one(Event.JOB_DUPLICATE_SKIPPED)["status"] == "failed"


@virtual_time
async def test_a_dead_letter_of_a_job_that_completed_meanwhile_is_skipped(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        await system.failed()
        letter = system.queue.dead_letters[-1]
        for _ in range(2):
            system.queue.send_back(letter)
            await until_empty(system.queue)
        assert (system.harness.record().status, system.harness.record().run) == (Status.COMPLETED, 2)
        assert system.harness.converter.conversions == 1


@virtual_time
async def test_a_job_that_fails_again_has_a_dead_letter_of_its_own(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        await system.failed()
        del system.harness.objects.buckets[SOURCE.bucket][SOURCE.key]
        for run in (2, 3):
            system.queue.send_back(system.queue.dead_letters[-1])
            await until_empty(system.queue)
            rejection = system.queue.dead_letters[-1].rejection
            assert rejection is not None
            assert (rejection.run, rejection.attempt, rejection.job_id) == (run, 1, "ep-1")
            assert (system.harness.record().status, system.harness.record().run) == (Status.FAILED, run)
        assert len(system.queue.dead_letters) == 3


@virtual_time
async def test_of_two_copies_of_a_dead_letter_one_begins_a_run(tmp_path: Path) -> None:
    """As when a redrive is cut off between its send and its delete, and done again."""
    async with a_worker_with_commands(tmp_path) as system:
        await system.failed()
        letter = system.queue.dead_letters[-1]
        del system.harness.objects.buckets[SOURCE.bucket][SOURCE.key]
        for _ in range(3):
            system.queue.send_back(letter)
            await asyncio.sleep(0.001)
        await until_empty(system.queue)
        assert system.harness.record().run == 2
        assert len(system.queue.dead_letters) == 2


@virtual_time
async def test_a_cancel_request_of_the_last_run_does_not_end_the_next(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        system.harness.converter.may_finish.clear()
        system.queue.send(a_body())
        await wait_until(lambda: system.harness.converter.running)
        await system.harness.cancellation.cancel("ep-1")
        await until_empty(system.queue)
        assert system.harness.record().status is Status.CANCELLED
        system.harness.converter.may_finish.set()

        await system.retry.retry("ep-1")
        await until_empty(system.queue)
        await asyncio.sleep(5)

        assert (system.harness.record().status, system.harness.record().run) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_job_that_failed_by_its_deaths_starts_anew_and_alone(tmp_path: Path) -> None:
    async with a_harness(tmp_path, limits=replace(LIMITS, max_attempts=9, max_crashes=2)) as harness:
        for receive_count in range(1, 4):  # the first death was not its own for sure
            await harness.crashes(receive_count=receive_count)
            await asyncio.sleep(LEASE_SECONDS + 1)
        await harness.handle(receive_count=4)
        state = harness.table.held_state("ep-1")
        assert state is not None
        assert state.record.error is not None
        assert state.record.error.code == "too_many_attempts"
        assert state.mark is not None

        queue = FakeQueue(wait_seconds=1)
        async with a_worker(harness, queue):
            queue.send_back(DeadLetter("message-1", a_body(), Reject(TooManyAttemptsError(3), "ep-1", 3)))
            await until_empty(queue)

        assert (harness.record().status, harness.record().run, harness.record().attempt) == (Status.COMPLETED, 2, 1)
        again = harness.table.held_state("ep-1")
        assert again is not None
        assert again.mark is not None
        assert (again.mark.is_suspect, again.mark.deaths_alone) == (True, 0)


@virtual_time
async def test_a_run_through_an_outage_of_redis_is_above_the_end_that_redis_still_has(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        await wait_until(lambda: system.harness.store.cache_state == "connected")
        last = await system.failed()
        assert system.harness.redis.held["ep-1"] == last
        system.harness.redis.breaks()
        system.queue.send_back(system.queue.dead_letters[-1])
        await until_empty(system.queue)
        assert system.harness.redis.held["ep-1"] == last

        system.harness.redis.works()
        await wait_until(lambda: system.harness.redis.held["ep-1"] == system.harness.record())

        assert (system.harness.record().status, system.harness.record().run) == (Status.COMPLETED, 2)
