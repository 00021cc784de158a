"""Failing back to Redis: it has the newest record of every job before it is reported to be back."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.stores import FakeProgressCache
from tests.support.failover import stores
from tests.support.records import a_record, completed, queued
from tests.support.virtual_time import now, virtual_time
from worker.domain.circuit import Severity
from worker.domain.progress import Record
from worker.events import Event
from worker.ports import StoreUnavailableError, WriteResult, Written


@virtual_time
async def test_redis_has_the_newest_of_every_job_before_it_is_reported_to_be_back() -> None:
    async with stores() as it:
        await it.store.tick(a_record(seq=1, job_id="runs"))
        await it.trip()
        for seq in (2, 3, 4):
            await it.store.tick(a_record(seq=seq, job_id="runs"))
        await it.store.commit(completed(a_record(job_id="ends"), 9))
        await it.store.commit(queued(a_record(job_id="waits"), 9))
        await asyncio.sleep(20)
        it.redis.works()
        it.redis.held.clear()  # it came back empty

        assert await it.until_back() <= 5
        assert {job: record.version.seq for job, record in it.redis.held.items()} == {
            "runs": 4,
            "ends": 9,
            "waits": 9,
            "that-trips": 1,
        }
        assert it.logged() == [1, 1, 1]
        back = it.log.one(Event.PROGRESS_FAILED_BACK)
        assert back["jobs_carried_over"] == 4
        assert back["outage_seconds"] > 20


@virtual_time
async def test_jobs_that_ended_are_replayed_once_and_then_forgotten() -> None:
    async with stores() as it:
        await it.trip()
        await it.store.commit(completed(a_record(job_id="ends"), 9))
        it.redis.works()
        await it.until_back()
        await it.trip()
        it.redis.works()
        it.redis.writes.clear()
        await it.until_back()
        assert [record.job_id for record in it.redis.writes] == []


@virtual_time
@pytest.mark.parametrize("outage_seconds", [0.1, 1, 10, 100])
@pytest.mark.parametrize("how", ["refused", "hangs"])
async def test_it_is_back_within_five_seconds_after_redis_answers(outage_seconds: float, how: str) -> None:
    async with stores() as it:
        await it.trip()
        if how == "hangs":
            it.redis.works()
            it.redis.hangs = True
        await asyncio.sleep(outage_seconds)
        it.redis.works()
        assert await it.until_back() <= 5


@virtual_time
async def test_what_fails_during_the_replay_is_still_the_same_outage() -> None:
    async with stores() as it:
        await it.trip()
        await it.store.tick(a_record(seq=2))
        it.redis.works()
        write, failures = it.redis.write, 4

        async def failing_write(record: Record) -> WriteResult:
            nonlocal failures
            failures -= 1
            if failures >= 0:
                raise StoreUnavailableError("connection lost")
            return await write(record)

        it.redis.write = failing_write  # type: ignore[method-assign]
        await it.until_back()
        assert it.redis.held["ep-0142"].version.seq == 2
        assert it.logged() == [1, 1, 1]


class OneKeyIsTaken:
    """Makes Redis refuse the records of one job."""

    def __init__(self, redis: FakeProgressCache, job_id: str) -> None:
        self.calls = 0
        self._write = redis.write
        self._job_id = job_id
        redis.write = self  # type: ignore[method-assign]

    async def __call__(self, record: Record) -> WriteResult:
        if record.job_id != self._job_id:
            return await self._write(record)
        self.calls += 1
        raise StoreUnavailableError("the key is not ours", Severity.LOCAL)


@virtual_time
async def test_a_record_that_redis_refuses_goes_to_dynamodb_and_is_no_outage() -> None:
    async with stores() as it:
        OneKeyIsTaken(it.redis, "bad")
        for seq in range(1, 20):
            assert await it.store.tick(a_record(seq=seq, job_id="bad")) is WriteResult.APPLIED
        assert it.table.held["bad"].version.seq == 19
        assert it.logged() == [0, 0, 0]


@virtual_time
async def test_the_replay_gives_up_on_a_record_that_redis_refuses() -> None:
    async with stores() as it:
        await it.trip()
        for job_id in ("good", "bad", "better"):
            await it.store.commit(completed(a_record(job_id=job_id), 9))
        it.redis.works()
        taken = OneKeyIsTaken(it.redis, "bad")
        assert await it.until_back() <= 5

        assert set(it.redis.held) == {"that-trips", "good", "better"}
        assert it.log.one(Event.PROGRESS_FAILED_BACK)["jobs_carried_over"] == 3
        line = it.log.one(Event.PROGRESS_REPLAY_FAILED)
        assert (line["job_id"], line["error"]) == ("bad", "the key is not ours")
        calls = taken.calls
        assert calls < 10
        await it.trip()
        it.redis.works()
        await it.until_back()
        assert taken.calls == calls


@virtual_time
async def test_a_newer_tick_during_the_replay_is_not_overwritten() -> None:
    async with stores() as it:
        await it.trip()
        await it.store.tick(a_record(seq=2))
        it.redis.works()
        write = it.redis.write

        async def overtaken_write(record: Record) -> WriteResult:
            it.redis.write = write  # type: ignore[method-assign]
            assert await it.store.tick(a_record(seq=3)) is WriteResult.APPLIED
            return await write(record)

        it.redis.write = overtaken_write  # type: ignore[method-assign]
        await it.until_back()
        assert it.redis.held["ep-0142"].version.seq == 3


@virtual_time
async def test_two_outages_are_logged_twice() -> None:
    async with stores() as it:
        for outage in (1, 2):
            await it.trip()
            await asyncio.sleep(40)
            it.redis.works()
            await it.until_back()
            assert it.logged() == [outage] * 3
            await asyncio.sleep(40)
        assert it.store.outages == 2


@virtual_time
async def test_a_redis_that_is_out_at_the_start_delays_nothing_and_is_logged_once() -> None:
    async with stores(is_up=False) as it:
        assert await it.store.write_if_unchanged(a_record(seq=1), None) == Written()
        assert now() == pytest.approx(1000, abs=0.001)
        await it.store.tick(a_record(seq=2))
        await asyncio.sleep(30)
        assert it.logged() == [1, 1, 0]
        it.redis.works()
        assert await it.until_back() <= 5
        assert it.logged() == [1, 1, 1]
        assert it.redis.held["ep-0142"].version.seq == 2


@virtual_time
async def test_in_durable_mode_nothing_fails_over() -> None:
    async with stores(mode="durable") as it:
        await it.trip()
        it.redis.works()
        await it.until_back()
        assert it.logged() == [1, 0, 0]
        assert len(it.log.of(Event.REDIS_CONNECTED)) == 2


@virtual_time
async def test_one_probe_at_a_time_and_never_while_the_circuit_is_closed() -> None:
    async with stores() as it:
        under_way = most = 0
        probe = it.redis.probe

        async def watched_probe() -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            try:
                await probe()
            finally:
                under_way -= 1

        it.redis.probe = watched_probe  # type: ignore[method-assign]
        assert it.redis.probes == 1
        await asyncio.sleep(600)
        assert it.redis.probes == 1
        await it.trip()
        it.redis.works()
        it.redis.hangs = True
        await asyncio.sleep(60)
        assert 10 < it.redis.probes < 60
        assert most == 1


@virtual_time
async def test_a_long_outage_keeps_a_bounded_number_of_records() -> None:
    async with stores() as it:
        await it.trip()
        for number in range(3000):
            await it.store.commit(completed(a_record(job_id=f"job-{number}"), 9))
        it.redis.works()
        await it.until_back()
        assert it.log.one(Event.PROGRESS_FAILED_BACK)["jobs_carried_over"] == 1000
        assert "job-2999" in it.redis.held


@virtual_time
async def test_the_end_of_an_outage_says_how_many_ticks_dynamodb_took_in_its_place() -> None:
    async with stores() as it:
        await it.store.tick(a_record(seq=1))
        await it.trip()
        for seq in range(2, 9):
            await it.store.tick(a_record(seq=seq))
        it.redis.works()
        await it.until_back()
        await it.store.tick(a_record(seq=20))

        assert len(it.table.writes) == 8  # the one that met the failure, and seven after it
        assert it.log.one(Event.PROGRESS_FAILED_BACK)["writes_failed_over"] == 8
