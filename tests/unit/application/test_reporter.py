"""How the progress of one attempt is written: how often, in which order, and where to."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.failover import stores
from tests.support.records import a_record
from tests.support.reporting import CLAIM, OUTPUTS, Reporting, a_reporter, reporting
from tests.support.virtual_time import now, virtual_time
from worker.domain.errors import LeaseLostError
from worker.domain.outcome import Completed
from worker.domain.progress import Record, Stage, Version
from worker.events import Event
from worker.ports import WriteResult, Written


def order(records: list[Record]) -> list[Version]:
    return [record.version for record in records]


# --- ticks ---------------------------------------------------------------------------------------------------------


@virtual_time
async def test_updates_by_the_hundred_make_four_writes_a_second() -> None:
    async with stores() as it, reporting(it) as job:
        await job.work(10)
        assert 36 <= len(it.redis.writes) <= 42
        assert it.redis.writes[-1].percent == pytest.approx(99, abs=3)


@virtual_time
async def test_the_newest_update_is_what_is_written() -> None:
    async with stores() as it, reporting(it) as job:
        for percent in (10.0, 20.0, 30.0):
            job.progress.set(Stage.CONVERTING, percent, 1.0)
        await asyncio.sleep(1)
        assert [record.percent for record in it.redis.writes] == [0.0, 30.0]


@virtual_time
async def test_a_job_without_news_writes_nothing_but_its_checkpoints() -> None:
    async with stores() as it, reporting(it):
        await asyncio.sleep(59)
        assert len(it.table.writes) == 1 + 4
        assert len(it.redis.writes) == 1 + 4


@virtual_time
async def test_ten_minutes_cost_at_most_sixty_writes_to_dynamodb() -> None:
    async with stores() as it, reporting(it) as job:
        await job.work(600)
        await job.reporter.checkpoint()
        await job.reporter.end(Completed(OUTPUTS))
        assert it.table.calls <= 60
        assert it.table.held["ep-0142"].is_final


@virtual_time
@pytest.mark.parametrize("mode", ["failover", "durable"])
async def test_on_dynamodb_a_tick_is_due_every_two_and_a_half_seconds(mode: str) -> None:
    async with stores(mode=mode) as it:
        if mode == "failover":
            await it.trip()
        before = it.table.calls
        async with reporting(it) as job:
            await job.work(60)
            assert 20 <= it.table.calls - before <= 26


@virtual_time
async def test_a_short_lease_has_checkpoints_at_a_third_of_it() -> None:
    async with stores() as it, reporting(it, lease_seconds=6):
        await asyncio.sleep(59)
        gaps = [
            (later.updated_at - earlier.updated_at).total_seconds()
            for earlier, later in zip(it.table.writes, it.table.writes[1:], strict=False)
        ]
        assert max(gaps) <= 2.3


@virtual_time
async def test_percent_never_falls_and_stays_below_a_hundred() -> None:
    async with stores() as it, reporting(it) as job:
        for percent in (50.0, 20.0, 100.0, -3.0, 60.0):
            job.progress.set(Stage.CONVERTING, percent, None)
            await asyncio.sleep(0.5)
        percents = [record.percent for record in it.redis.writes]
        assert percents == sorted(percents)
        assert percents[-1] == 99.9


@virtual_time
async def test_writes_are_one_at_a_time_and_in_order() -> None:
    async with stores() as it:
        under_way = most = 0
        write = it.redis.write

        async def slow_write(record: Record) -> WriteResult:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.2)
            under_way -= 1
            return await write(record)

        it.redis.write = slow_write  # type: ignore[method-assign]
        async with reporting(it) as job:
            await job.work(15)
            await asyncio.gather(job.reporter.checkpoint(), job.work(2))
            await job.reporter.end(Completed(OUTPUTS))
        assert most == 1
        assert order(it.redis.writes) == sorted(set(order(it.redis.writes)))


@virtual_time
async def test_work_waits_for_no_tick() -> None:
    async with stores() as it, reporting(it) as job:
        it.redis.hangs = it.table.hangs = True
        began_at = now()
        await job.work(5)
        assert now() - began_at == pytest.approx(5, abs=0.02)
        it.redis.works()
        it.table.works()


# --- faults --------------------------------------------------------------------------------------------------------


@virtual_time
async def test_when_both_stores_refuse_it_is_said_once_and_the_job_goes_on() -> None:
    async with stores() as it, reporting(it) as job:
        it.redis.breaks()
        it.table.breaks("DynamoDB is out")
        await job.work(30, until_percent=40)
        line = it.log.one(Event.PROGRESS_WRITE_FAILED)
        assert (line["error"], line["status"]) == ("DynamoDB is out", "running")
        it.table.works()
        await job.work(10, until_percent=80)
        assert it.table.writes[-1].percent > 50
        it.table.breaks()
        await job.work(5, until_percent=99.9)
        await asyncio.sleep(13)
        assert len(it.log.of(Event.PROGRESS_WRITE_FAILED)) == 2


@virtual_time
async def test_while_dynamodb_is_out_redis_shows_the_ticks() -> None:
    async with stores() as it, reporting(it) as job:
        it.table.breaks()
        await job.work(30)
        assert it.log.of(Event.PROGRESS_WRITE_FAILED) == []
        assert it.redis.writes[-1].percent > 95
        assert it.table.calls <= 1 + 3


@virtual_time
async def test_a_checkpoint_that_dynamodb_refused_is_not_tried_there_twice_in_a_row() -> None:
    async with stores() as it:
        await it.trip()
        async with reporting(it):
            it.table.breaks()
            before = it.table.calls
            await asyncio.sleep(59)
            assert it.table.calls - before == 4


@virtual_time
async def test_a_tick_whose_acknowledgement_was_lost_is_not_taken_for_that_of_another_attempt() -> None:
    async with stores() as it, reporting(it) as job:
        for _ in range(10):
            it.redis.acks_lost = it.table.acks_lost = 1
            await job.work(3)
        assert it.table.writes[-1].version.fence == 1000


@virtual_time
@pytest.mark.parametrize("which", ["redis", "table"])
async def test_a_record_of_another_attempt_in_either_store_stops_the_job(which: str) -> None:
    async with stores() as it:
        assert isinstance(await it.store.write_if_unchanged(CLAIM, None), Written)
        job = Reporting(*a_reporter(it))
        await getattr(it, which).write(a_record(2000, 1))
        job.progress.set(Stage.CONVERTING, 10.0, 1.0)
        with pytest.raises(LeaseLostError):
            await job.reporter.run()
