"""Where a record goes while Redis works, fails, hangs and comes back, and what is logged of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.fakes.stores import FakeJobTable
from tests.support.events import logged_events
from tests.support.failover import stores
from tests.support.records import a_record, completed
from tests.support.virtual_time import now, virtual_time
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import NoCache
from worker.domain.claim import ClaimMark
from worker.domain.progress import Record
from worker.events import Event
from worker.ports import Conflict, StoreUnavailableError, WriteResult, Written


def seqs(records: list[Record]) -> list[int]:
    return [record.version.seq for record in records]


# --- while all is well ---------------------------------------------------------------------------------------------


@virtual_time
async def test_a_tick_goes_to_redis_alone_and_claims_checkpoints_and_ends_to_both() -> None:
    async with stores() as it:
        assert await it.store.write_if_unchanged(a_record(seq=1), None) == Written()
        assert await it.store.tick(a_record(seq=2)) is WriteResult.APPLIED
        assert await it.store.checkpoint(a_record(seq=3)) is WriteResult.APPLIED
        assert await it.store.commit(completed(a_record(), 4)) is WriteResult.APPLIED

        assert seqs(it.table.writes) == [1, 3, 4]
        assert seqs(it.redis.writes) == [1, 2, 3, 4]
        assert it.logged() == [0, 0, 0]
        assert it.log.one(Event.REDIS_CONNECTED)["endpoint"] == "redis:6379"


@virtual_time
async def test_in_durable_mode_a_tick_counts_when_dynamodb_has_it() -> None:
    async with stores(mode="durable") as it:
        await it.store.tick(a_record(seq=2))
        assert (seqs(it.table.writes), seqs(it.redis.writes)) == ([2], [2])
        assert it.store.progress_store == "dynamodb"
        it.table.breaks()
        with pytest.raises(StoreUnavailableError):
            await it.store.tick(a_record(seq=3))
        assert seqs(it.redis.writes) == [2]


@virtual_time
async def test_without_redis_everything_goes_to_dynamodb() -> None:
    table = FakeJobTable()
    store = FailoverStore(table, NoCache())
    with logged_events() as log:
        running = asyncio.create_task(store.run())
        await store.write_if_unchanged(a_record(seq=1), None)
        await store.tick(a_record(seq=2))
        await store.commit(completed(a_record(), 3))
        running.cancel()
        await asyncio.wait([running])
        log.one(Event.REDIS_DISABLED)
    assert seqs(table.writes) == [1, 2, 3]
    assert (store.cache_state, store.progress_store, store.outage) == ("disabled", "dynamodb", None)


@virtual_time
async def test_a_claim_that_was_lost_reaches_no_redis() -> None:
    async with stores() as it:
        await it.table.write(a_record(seq=1))
        assert isinstance(await it.store.write_if_unchanged(a_record(2000, 1), None), Conflict)
        assert it.redis.writes == []


@virtual_time
@pytest.mark.parametrize("which", ["table", "redis"])
async def test_a_newer_record_in_either_store_is_stale(which: str) -> None:
    async with stores() as it:
        await getattr(it, which).write(a_record(2000, 1))
        write = it.store.checkpoint if which == "table" else it.store.tick
        assert await write(a_record(1000, 5)) is WriteResult.STALE


@virtual_time
async def test_what_dynamodb_refuses_is_not_shown_in_redis() -> None:
    async with stores() as it:
        await it.table.write(a_record(2000, 1))
        assert await it.store.commit(completed(a_record(1000), 5)) is WriteResult.STALE
        assert it.redis.writes == []


# --- an outage -----------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_tick_that_redis_does_not_take_goes_to_dynamodb_with_the_same_version() -> None:
    async with stores() as it:
        await it.store.tick(a_record(seq=1))
        it.redis.breaks()
        for seq in (2, 3, 4, 5):
            assert await it.store.tick(a_record(seq=seq)) is WriteResult.APPLIED
        assert seqs(it.table.writes) == [2, 3, 4, 5]
        assert (it.store.cache_state, it.store.progress_store) == ("unavailable", "dynamodb")


@virtual_time
async def test_only_the_first_three_writes_of_an_outage_wait_for_a_redis_that_hangs() -> None:
    async with stores() as it:
        it.redis.hangs = True
        took = []
        for seq in range(1, 11):
            began_at = now()
            await it.store.tick(a_record(seq=seq))
            took.append(now() - began_at)
        assert took == pytest.approx([0.3] * 3 + [0.0] * 7, abs=0.001)
        assert it.log.one(Event.REDIS_UNAVAILABLE)["duration_seconds"] == 0.3


@virtual_time
async def test_writes_under_way_go_to_dynamodb_when_the_circuit_opens() -> None:
    async with stores() as it:
        it.redis.hangs = True
        early = [asyncio.create_task(it.store.tick(a_record(seq=1, job_id=f"early-{n}"))) for n in range(3)]
        await asyncio.sleep(0.29)
        late = [asyncio.create_task(it.store.tick(a_record(seq=1, job_id=f"late-{n}"))) for n in range(50)]
        began_at = now()
        assert set(await asyncio.gather(*early, *late)) == {WriteResult.APPLIED}
        assert now() - began_at < 0.02
        assert len(it.table.writes) == 53
        assert it.store.outages == 1


@virtual_time
async def test_no_user_write_reaches_redis_while_the_circuit_is_open() -> None:
    async with stores() as it:
        await it.trip()
        calls = it.redis.calls - it.redis.probes
        for seq in range(2, 100):
            await it.store.tick(a_record(seq=seq))
            await asyncio.sleep(0.05)
        assert it.redis.calls - it.redis.probes == calls
        assert it.redis.probes > 1


@virtual_time
async def test_a_cancelled_write_says_nothing_of_redis() -> None:
    async with stores() as it:
        it.redis.hangs = True
        for seq in range(20):
            tick = asyncio.create_task(it.store.tick(a_record(seq=seq)))
            await asyncio.sleep(0.2)
            tick.cancel()
            with suppress(asyncio.CancelledError):
                await tick
        assert it.store.cache_state == "connected"
        it.redis.works()
        assert await it.store.tick(a_record(seq=50)) is WriteResult.APPLIED
        assert it.table.writes == []


@virtual_time
@pytest.mark.parametrize("mode", ["failover", "durable"])
async def test_ticks_end_within_a_second_and_claims_and_ends_within_seconds_when_both_stores_hang(
    mode: str,
) -> None:
    async with stores(mode=mode) as it:
        it.redis.hangs = it.table.hangs = True
        for write, most in ((it.store.tick, 1), (it.store.checkpoint, 1), (it.store.commit, 6)):
            began_at = now()
            with pytest.raises(StoreUnavailableError):
                await write(a_record())
            assert now() - began_at < most
        for claim in (
            it.store.write_if_unchanged(a_record(), None),
            it.store.claim(a_record(), None, ClaimMark("mine")),
        ):
            began_at = now()
            with pytest.raises(StoreUnavailableError):
                await claim
            assert now() - began_at < 6


@virtual_time
async def test_a_final_state_is_kept_at_once_while_redis_hangs() -> None:
    async with stores() as it:
        it.redis.hangs = True
        began_at = now()
        assert await it.store.commit(completed(a_record(), 5)) is WriteResult.APPLIED
        assert now() - began_at <= 0.31
        assert it.table.held["ep-0142"].is_final
