"""Whole workers over one queue and one table: no job lost, none run twice at once, none stuck."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fakes.objects import MemoryObjects
from tests.fakes.queue import FakeQueue
from tests.support.events import logged_events
from tests.support.harness import LIMITS, TARGET, a_body, a_harness, a_worker, two_harnesses, until_empty
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.application.consuming.lease import Lease
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Reject
from worker.domain.errors import ConverterCrashedError, ErrorCode, ShutdownError
from worker.domain.progress import Status
from worker.events import Event

# --- duplicates --------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_job_sent_as_two_messages_runs_once_on_one_worker(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with a_harness(tmp_path) as harness:
        harness.converter.may_finish.clear()
        for _ in range(2):
            queue.send(a_body())
        with logged_events() as logged:
            async with a_worker(harness, queue):
                await asyncio.sleep(150)
                assert harness.converter.running == 1
                harness.converter.may_finish.set()
                await until_empty(queue)

        assert len(logged.of(Event.JOB_STARTED)) == 1
        assert logged.one(Event.JOB_DUPLICATE_SKIPPED)["status"] == "completed"
        assert (harness.record().status, harness.record().attempt) == (Status.COMPLETED, 1)
        assert queue.dead_letters == []


@virtual_time
async def test_two_messages_of_a_job_that_come_together_do_not_keep_each_other_from_starting_it(
    tmp_path: Path,
) -> None:
    queue = FakeQueue()
    async with a_harness(tmp_path) as harness:
        queue.send(a_body())
        await asyncio.sleep(1)
        queue.send(a_body())
        _, newer = await queue.receive(2)
        killed = await harness.begins(Work(Lease(newer, lease_seconds=60)))
        killed.cancel()
        await asyncio.wait([killed])
        harness.converter.may_finish.set()
        for message_id in ("message-1", "message-2"):
            queue.deliver_again(message_id)

        async with asyncio.timeout(150), a_worker(harness, queue):
            await until_empty(queue)

        assert (harness.record().status, harness.record().attempt) == (Status.COMPLETED, 2)


@virtual_time
async def test_a_message_that_is_delivered_twice_runs_on_one_of_two_workers(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with two_harnesses(tmp_path) as (first, second):
        first.converter.may_finish.clear()
        queue.send(a_body())
        async with a_worker(first, queue):
            await wait_until(lambda: first.converter.running)
            async with a_worker(second, queue):
                queue.deliver_again("message-1")
                await asyncio.sleep(200)
                assert first.converter.running + second.converter.running == 1
                first.converter.may_finish.set()
                await until_empty(queue)

        assert (first.record().status, first.record().attempt) == (Status.COMPLETED, 1)


@virtual_time
async def test_a_worker_that_was_cut_off_is_replaced_and_notices(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with two_harnesses(tmp_path) as (first, second):
        first.converter.may_finish.clear()
        second.converter.may_finish.clear()
        queue.send(a_body())
        work = Work(Lease((await queue.receive(1))[0], lease_seconds=60))  # whose renewals do not arrive
        first.table.held.clear()
        handling = asyncio.create_task(first.handler.handle(work))
        await wait_until(lambda: first.converter.running)
        old_claim = first.record()
        first.table.breaks()
        await asyncio.sleep(70)
        first.table.works()
        first.table.held["ep-1"] = old_claim

        async with a_worker(second, queue):
            await wait_until(lambda: second.converter.running)
            await handling
            assert first.converter.running == 0
            assert first.objects.get(TARGET) is None
            second.converter.may_finish.set()
            await until_empty(queue)

        assert (first.record().status, first.record().worker, first.record().attempt) == (
            Status.COMPLETED,
            "w:2",
            2,
        )
        assert first.record().version.fence > old_claim.version.fence


@virtual_time
async def test_targets_are_published_under_a_claim_that_is_alive_however_long_its_confirmation_took(
    tmp_path: Path,
) -> None:
    ages: list[float] = []

    class Observed(MemoryObjects):
        async def upload(self, *arguments: Any, **more: Any) -> str:
            ages.append((harness.now() - harness.record().updated_at).total_seconds())
            return await super().upload(*arguments, **more)

    rules = replace(LIMITS, lease_seconds=12.0)
    async with a_harness(tmp_path, objects=Observed("in-bucket", "out-bucket"), limits=rules) as harness:
        task = await harness.begins()
        harness.table.breaks()
        harness.converter.may_finish.set()
        await asyncio.sleep(40)
        harness.table.works()

        assert await task == Ack()
        assert max(ages) < rules.lease_seconds


# --- attempts ----------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_job_over_which_three_workers_die_while_it_is_alone_is_rejected_with_a_sentence(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path, limits=replace(LIMITS, max_attempts=10)) as harness:
        for count in (1, 2, 3, 4):  # at the first one, it is not known which job it was
            await harness.crashes(receive_count=count)
            assert harness.record().status is Status.RUNNING
            await asyncio.sleep(100)

        disposition = await harness.handle(receive_count=5)

        assert isinstance(disposition, Reject)
        assert disposition.error.code is ErrorCode.TOO_MANY_ATTEMPTS
        assert disposition.attempt == 4
        assert harness.record().status is Status.FAILED
        assert harness.record().error is not None
        assert harness.record().error.message == "started 4 times: its worker died 3 times while it ran alone"  # type: ignore[union-attr]


@virtual_time
async def test_deploys_in_a_row_count_neither_as_attempts_nor_as_crashes(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        for count in range(1, 11):
            work = harness.work(receive_count=count)
            handling = await harness.begins(work)
            work.stop(ShutdownError())
            await handling
        harness.converter.may_finish.set()

        assert await harness.handle(receive_count=11) == Ack()
        assert harness.record().attempt == 1


# --- retries -----------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_job_whose_retry_would_come_after_its_message_is_gone_fails_now_with_its_own_code(
    tmp_path: Path,
) -> None:
    queue = FakeQueue(retention_seconds=60)
    async with a_harness(tmp_path, limits=replace(LIMITS, max_attempts=10)) as harness:
        harness.converter.convert_error = ConverterCrashedError("ended by signal 11")
        queue.send(a_body())
        async with a_worker(harness, queue):
            await until_empty(queue)

        assert now() < 1000 + 60
        record = harness.record()
        assert (record.status, record.attempt < 10) == (Status.FAILED, True)
        assert record.error is not None
        assert record.error.code == "converter_crashed"
        (letter,) = queue.dead_letters
        assert letter.rejection is not None
        assert letter.rejection.error.code is ErrorCode.CONVERTER_CRASHED


# --- the drain ---------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_job_released_by_a_deploy_starts_elsewhere_within_seconds(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with two_harnesses(tmp_path) as (first, second):
        first.converter.may_finish.clear()
        queue.send(a_body())
        async with a_worker(first, queue) as leaving:
            await wait_until(lambda: first.converter.running)
            async with a_worker(second, queue):
                leaving.stop(jobs_until=now(), settle_until=now() + 10)
                released_at = now()
                await until_empty(queue)
                assert now() - released_at < 3

        (released,) = (record for record in first.table.writes if record.status is Status.QUEUED)
        assert (released.attempt, released.error) == (0, None)

        assert (first.record().status, first.record().worker, first.record().attempt) == (
            Status.COMPLETED,
            "w:2",
            1,
        )
