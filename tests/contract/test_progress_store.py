"""What every progress store does, the fakes included: it refuses to go back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from tests.fakes.stores import FakeAccelerator, FakeLedger
from tests.support.records import a_record, completed, queued
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.adapters.redis.connections import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.application.jobs.cancellation import Jobs
from worker.demo.servers import HOST, Server
from worker.domain.claim import JobState
from worker.domain.errors import JobCancelledError, NoAudioError
from worker.domain.progress import Version, failed, first_record
from worker.ports import Ledger, ProgressCache, ProgressStore, WriteResult

FENCE = 1_795_000_000_000_001  # 51 bits, as real ones have


@pytest.fixture
async def redis_store(redis_server: Server, unique: Callable[[str], str]) -> AsyncIterator[RedisProgressCache]:
    store = RedisProgressCache(
        Endpoint(HOST, redis_server.port), prefix=unique("p") + ":", connect_timeout=5, command_timeout=5
    )
    yield store
    await store.aclose()


@pytest.fixture
async def dynamo_ledger(dynamodb_client: Any, table: str) -> DynamoJobTable:
    return DynamoJobTable(dynamodb_client, table, now=lambda: datetime.now(UTC), budget_seconds=20)


@pytest.fixture(params=["fake", "redis"])
def accelerator(request: pytest.FixtureRequest) -> ProgressCache:
    found: ProgressCache = FakeAccelerator() if request.param == "fake" else request.getfixturevalue("redis_store")
    return found


@pytest.fixture(params=["fake", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    found: Ledger = FakeLedger() if request.param == "fake" else request.getfixturevalue("dynamo_ledger")
    return found


@pytest.fixture(params=["fake_accelerator", "fake_ledger", "redis_store", "dynamo_ledger"])
def store(request: pytest.FixtureRequest) -> ProgressStore:
    if request.param == "fake_accelerator":
        return FakeAccelerator()
    if request.param == "fake_ledger":
        return FakeLedger()
    found: ProgressStore = request.getfixturevalue(request.param)
    return found


async def test_a_job_that_was_never_written_is_none(store: ProgressStore) -> None:
    assert await store.read("nobody") is None


async def test_a_record_comes_back_as_it_was_written(store: ProgressStore) -> None:
    record = a_record(FENCE, 7, percent=41.5)
    assert await store.write(record) is WriteResult.APPLIED
    assert await store.read(record.job_id) == record
    done = failed(record, NoAudioError(), Version(FENCE, 8), record.updated_at)
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
        error = JobCancelledError() if end == "cancelled" else NoAudioError()
        final = failed(record, error, Version(FENCE, 8), record.updated_at)
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


# --- the ledger ----------------------------------------------------------------------------------------------------


async def test_only_one_of_many_claims_is_kept(ledger: Ledger) -> None:
    claims = [a_record(FENCE + number, 1, worker=f"worker-{number}") for number in range(8)]
    refusals = await asyncio.gather(*(ledger.claim(claim, None) for claim in claims))
    assert refusals.count(None) == 1
    held = await ledger.read("ep-0142")
    assert held == claims[refusals.index(None)]


async def test_a_claim_needs_the_version_that_was_seen(ledger: Ledger) -> None:
    first = a_record(FENCE, 1)
    assert await ledger.claim(first, None) is None
    await ledger.write(a_record(FENCE, 2))
    assert await ledger.claim(a_record(FENCE + 1, 1, worker="b"), first.version) is not None
    assert await ledger.claim(a_record(FENCE + 1, 1, worker="b"), None) is not None
    assert await ledger.claim(a_record(FENCE + 1, 1, worker="b"), Version(FENCE, 2)) is None


async def test_a_claim_that_got_through_unnoticed_is_kept(ledger: Ledger) -> None:
    first = a_record(FENCE, 1)
    assert await ledger.claim(first, None) is None
    assert await ledger.claim(first, None) is None
    assert await ledger.claim(replace(first, worker="worker-b:1"), None) is not None


async def test_within_a_fence_only_the_claims_worker_may_write(ledger: Ledger) -> None:
    await ledger.claim(a_record(FENCE, 1, worker="a"), None)
    assert await ledger.write(a_record(FENCE, 1, worker="b")) is WriteResult.STALE
    assert await ledger.write(a_record(FENCE, 5, worker="b")) is WriteResult.STALE
    assert await ledger.write(a_record(FENCE, 2, worker="a")) is WriteResult.APPLIED


async def test_a_record_of_the_same_version_that_says_something_else_is_not_ones_own(ledger: Ledger) -> None:
    running = a_record(FENCE, 2)
    cancelled = failed(running, JobCancelledError(), running.version, running.updated_at)
    assert await ledger.claim(cancelled, None) is None
    assert await ledger.claim(running, None) is not None
    assert await ledger.claim(running, Version(FENCE, 1)) is not None
    assert await ledger.write(running) is WriteResult.STALE
    assert await ledger.read(running.job_id) == cancelled


# --- the register --------------------------------------------------------------------------------------------------


@pytest.fixture
def jobs(ledger: Ledger) -> Jobs:
    assert isinstance(ledger, FakeLedger | DynamoJobTable)
    return ledger


async def test_a_job_that_was_never_written_has_no_standing(jobs: Jobs) -> None:
    assert await jobs.look("nobody") is None
    assert not await jobs.request_cancel("nobody")
    assert await jobs.cancel_requests(["nobody"]) == frozenset()


async def test_a_request_to_cancel_is_left_with_a_running_job_only(jobs: Jobs) -> None:
    record = a_record(FENCE, 1)
    await jobs.claim(first_record(record.job_id, record.source, (), record.created_at), None)
    assert not await jobs.request_cancel(record.job_id)
    await jobs.claim(record, Version(0, 1))
    assert await jobs.request_cancel(record.job_id)
    assert await jobs.cancel_requests([record.job_id, "nobody"]) == {record.job_id}
    await jobs.write(completed(record, 2))
    assert not await jobs.request_cancel(record.job_id)


async def test_a_request_to_cancel_outlives_whatever_is_written(jobs: Jobs) -> None:
    record = a_record(FENCE, 1)
    await jobs.claim(record, None)
    await jobs.request_cancel(record.job_id)
    await jobs.write(a_record(FENCE, 2))
    await jobs.write(queued(record, 3))
    await jobs.claim(a_record(FENCE + 1, 1), Version(FENCE, 3))
    assert await jobs.look(record.job_id) == JobState(a_record(FENCE + 1, 1), crashes=0, is_cancel_requested=True)
    assert await jobs.cancel_requests([record.job_id]) == {record.job_id}


async def test_of_many_running_jobs_those_that_were_asked_for_are_found(jobs: Jobs) -> None:
    names = [f"job-{number}" for number in range(120)]  # more than one call's worth
    for name in ("job-7", "job-119"):
        await jobs.claim(a_record(FENCE, 1, job_id=name), None)
        await jobs.request_cancel(name)
    assert await jobs.cancel_requests(names) == {"job-7", "job-119"}
    assert await jobs.cancel_requests([]) == frozenset()


async def test_a_claim_that_is_refused_shows_what_stands_in_its_way(jobs: Jobs) -> None:
    await jobs.claim(a_record(FENCE, 1), None)
    await jobs.request_cancel("ep-0142")
    refused = await jobs.claim(a_record(FENCE + 1, 1, worker="b"), None)
    assert refused == JobState(a_record(FENCE, 1), crashes=1, is_cancel_requested=True)
    assert refused == await jobs.look("ep-0142")


async def test_claims_that_nobody_ended_are_counted(jobs: Jobs) -> None:
    async def crashes() -> int:
        standing = await jobs.look("ep-0142")
        assert standing is not None
        return standing.crashes

    await jobs.claim(a_record(FENCE, 1), None)
    assert await crashes() == 1
    await jobs.claim(a_record(FENCE + 1, 1, attempt=2), Version(FENCE, 1))
    assert await crashes() == 2
    await jobs.write(queued(a_record(FENCE + 1, 1, attempt=2), 2))
    assert await crashes() == 0
    await jobs.claim(a_record(FENCE + 2, 1, attempt=3), Version(FENCE + 1, 2))
    assert await crashes() == 1
    await jobs.write(queued(a_record(FENCE + 2, 1, attempt=2), 2))  # released: as if it had not been
    await jobs.claim(a_record(FENCE + 3, 1, attempt=3), Version(FENCE + 2, 2))
    assert await crashes() == 1


# --- the accelerator -----------------------------------------------------------------------------------------------


async def test_a_probe_leaves_no_job_behind(accelerator: ProgressCache) -> None:
    for _ in range(3):
        await accelerator.probe()
        await accelerator.reset()
    assert await accelerator.write(a_record(FENCE, 1)) is WriteResult.APPLIED


async def test_a_watcher_hears_of_each_record_that_is_kept(accelerator: ProgressCache) -> None:
    heard: list[int] = []

    async def watch() -> None:
        async with aclosing(accelerator.subscribe("ep-0142")) as records:
            async for record in records:
                heard.append(record.version.seq)
                if record.is_final:
                    return

    watching = asyncio.create_task(watch())
    seq = 0
    while not heard:  # nobody says when the subscription has begun
        seq += 1
        await accelerator.write(a_record(FENCE, seq))
        await asyncio.sleep(0.001)
    await accelerator.write(a_record(FENCE, seq))
    await accelerator.write(completed(a_record(FENCE, 1), seq + 1))
    await watching
    assert heard == list(range(heard[0], seq + 2))
