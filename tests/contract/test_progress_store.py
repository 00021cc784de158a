"""What every progress store does, the fakes included: it never replaces a record by an older one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from itertools import permutations

import pytest

from tests.fakes.stores import FakeProgressCache
from tests.support.records import a_record, completed, queued
from worker.domain.errors import NoAudioError
from worker.domain.outcome import Cancelled, Failed, record_of
from worker.domain.progress import Version, first_record
from worker.ports import JobTable, ProgressCache, ProgressStore, WriteResult

FENCE = 1_795_000_000_000_001  # 51 bits, as real ones have


@pytest.fixture(params=["fake", "redis"])
def cache(request: pytest.FixtureRequest) -> ProgressCache:
    found: ProgressCache = FakeProgressCache() if request.param == "fake" else request.getfixturevalue("redis_store")
    return found


def test_each_store_has_the_name_that_users_see(cache: ProgressCache, job_table: JobTable) -> None:
    assert (cache.name, job_table.name) == ("redis", "dynamodb")  # /health and metrics show them (docs/progress.md)


def test_ticks_to_the_cache_are_a_pace_for_screens_and_ticks_to_the_table_are_rarer(
    cache: ProgressCache, job_table: JobTable
) -> None:
    assert (cache.tick_seconds, job_table.tick_seconds) == (0.25, 2.5)


async def test_a_job_that_was_never_written_is_none(store: ProgressStore) -> None:
    assert await store.read("nobody") is None


async def test_a_record_comes_back_as_it_was_written(store: ProgressStore) -> None:
    record = a_record(FENCE, 7, percent=41.5)
    assert await store.write(record) is WriteResult.APPLIED
    assert await store.read(record.job_id) == record
    done = record_of(Failed(NoAudioError(), 1), record, Version(FENCE, 8), record.updated_at)
    assert await store.write(done) is WriteResult.APPLIED
    assert await store.read(record.job_id) == done


async def test_the_same_version_twice_is_the_same(store: ProgressStore) -> None:
    record = a_record(FENCE, 7)
    await store.write(record)
    assert await store.write(record) is WriteResult.SAME


async def test_an_older_seq_is_stale(store: ProgressStore) -> None:
    newer = a_record(FENCE, 10)
    await store.write(newer)
    assert await store.write(a_record(FENCE, 9)) is WriteResult.STALE
    assert await store.read(newer.job_id) == newer


async def test_an_older_fence_is_stale_whatever_its_seq(store: ProgressStore) -> None:
    newer = a_record(FENCE + 1, 1)
    await store.write(newer)
    assert await store.write(a_record(FENCE, 999)) is WriteResult.STALE
    assert await store.read(newer.job_id) == newer


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_nothing_changes_a_final_record(store: ProgressStore, end: str) -> None:
    record = a_record(FENCE, 7)
    if end == "completed":
        final = completed(record, 8)
    else:
        ending = Cancelled() if end == "cancelled" else Failed(NoAudioError(), 1)
        final = record_of(ending, record, Version(FENCE, 8), record.updated_at)
    await store.write(record)
    assert await store.write(final) is WriteResult.APPLIED
    for later in (a_record(FENCE, 9), a_record(FENCE + 1, 1), completed(record, 10), queued(record, 11)):
        assert await store.write(later) is WriteResult.STALE
    assert await store.write(final) is WriteResult.SAME
    assert await store.read(record.job_id) == final


async def test_a_queued_record_gives_way_to_any_delivery(store: ProgressStore) -> None:
    record = a_record(FENCE, 1)
    await store.write(first_record(record.job_id, record.source, ("s3://out/a.mp3",), record.created_at))
    assert await store.write(record) is WriteResult.APPLIED
    assert await store.write(queued(record, 2)) is WriteResult.APPLIED
    assert await store.write(a_record(FENCE + 1, 1)) is WriteResult.APPLIED


async def test_writes_in_any_order_leave_the_newest(store: ProgressStore) -> None:
    records = [a_record(FENCE, 1), a_record(FENCE, 20), a_record(FENCE + 1, 3)]
    for number, order in enumerate(permutations(records)):
        for record in order:
            await store.write(replace(record, job_id=f"job-{number}"))
        held = await store.read(f"job-{number}")
        assert held is not None
        assert held.version == Version(FENCE + 1, 3)


async def test_of_many_writers_at_once_the_newest_wins(store: ProgressStore) -> None:
    await asyncio.gather(*(store.write(a_record(FENCE, seq)) for seq in (3, 9, 1, 12, 7, 2, 11, 5)))
    held = await store.read("ep-0142")
    assert held is not None
    assert held.version.seq == 12


# --- the cache -----------------------------------------------------------------------------------------------------


async def test_a_probe_leaves_no_job_behind(cache: ProgressCache) -> None:
    for _ in range(3):
        await cache.probe()
        await cache.reset()
    assert await cache.write(a_record(FENCE, 1)) is WriteResult.APPLIED


async def test_a_watcher_gets_each_record_that_is_kept(cache: ProgressCache) -> None:
    heard: list[int] = []

    async def watch() -> None:
        async with aclosing(cache.subscribe("ep-0142")) as records:
            async for record in records:
                heard.append(record.version.seq)
                if record.is_final:
                    return

    watching = asyncio.create_task(watch())
    seq = 0
    while not heard:  # nobody says when the subscription has begun
        seq += 1
        await cache.write(a_record(FENCE, seq))
        await asyncio.sleep(0.001)
    await cache.write(a_record(FENCE, seq))
    await cache.write(completed(a_record(FENCE, 1), seq + 1))
    await watching
    assert heard == list(range(heard[0], seq + 2))
