"""What is shown of a job: the newer of two records, never less than before, and no wait over a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.records import a_record, completed
from tests.support.virtual_time import now, virtual_time
from worker.application.progress.reader import Reader, Reading
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record

JOB = "ep-0142"


@dataclass
class Session:
    """A reader and what it reads from."""

    reader: Reader
    table: FakeJobTable
    redis: FakeProgressCache

    async def shown(self) -> tuple[int | None, bool]:
        """The `seq` that is shown, and whether it is said to be fresh."""
        reading = await self.reader.read(JOB)
        return (None if reading.record is None else reading.record.version.seq), reading.fresh


def a_session() -> Session:
    table, redis = FakeJobTable(), FakeProgressCache()
    return Session(Reader(table, redis, random=lambda: 0.5), table, redis)


@asynccontextmanager
async def watching(session: Session) -> AsyncIterator[list[tuple[float, Reading]]]:
    """What a watcher sees, with its times. The watch has to end by itself, or is cancelled."""
    seen: list[tuple[float, Reading]] = []

    async def watch() -> None:
        async with aclosing(session.reader.watch(JOB)) as readings:
            async for reading in readings:
                at = now()
                seen.append((at, reading))

    task = asyncio.create_task(watch(), name="watcher")
    await asyncio.sleep(0.01)
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual_time
async def test_the_newer_of_both_is_shown() -> None:
    session = a_session()
    assert await session.shown() == (None, True)
    await session.table.write(a_record(seq=3))
    assert await session.shown() == (3, True)
    await session.redis.write(a_record(seq=5))
    assert await session.shown() == (5, True)
    await session.table.write(a_record(2000, 1))
    assert await session.shown() == (1, True)


@virtual_time
async def test_a_final_record_absorbs() -> None:
    session = a_session()
    await session.table.write(completed(a_record(), 4))
    await session.redis.write(a_record(2000, 1))
    assert await session.shown() == (4, True)


@virtual_time
async def test_a_final_record_in_redis_is_not_waited_for_elsewhere() -> None:
    session = a_session()
    await session.redis.write(completed(a_record(), 4))
    session.table.hangs = True
    began_at = now()
    assert await session.shown() == (4, True)
    assert now() == began_at
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual_time
@pytest.mark.parametrize("how", ["breaks", "hangs"])
async def test_a_final_record_in_dynamodb_is_not_waited_for_elsewhere(how: str) -> None:
    session = a_session()
    await session.table.write(completed(a_record(), 4))
    if how == "hangs":
        session.redis.hangs = True
    else:
        session.redis.breaks()
    began_at = now()
    assert await session.shown() == (4, True)
    assert now() == began_at
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual_time
async def test_what_was_shown_once_is_never_undercut() -> None:
    session = a_session()
    await session.table.write(a_record(seq=3))
    await session.redis.write(a_record(seq=5))
    await session.shown()
    session.redis.held.clear()
    assert await session.shown() == (5, True)
    session.redis.breaks()
    assert await session.shown() == (5, False)


@virtual_time
async def test_of_many_jobs_a_session_remembers_those_that_it_was_asked_for_last() -> None:
    table = FakeJobTable()
    reader = Reader(table, None, jobs_remembered=3)
    for number in range(100):
        for job_id in (JOB, f"job-{number}"):
            await table.write(a_record(seq=number + 1, job_id=job_id))
            await reader.read(job_id)
    table.held.clear()

    shown = [
        job_id
        for job_id in (JOB, *(f"job-{number}" for number in range(100)))
        if (await reader.read(job_id)).record is not None
    ]
    assert shown == [JOB, "job-98", "job-99"]


@virtual_time
@pytest.mark.parametrize("how", ["breaks", "hangs"])
async def test_without_redis_the_record_may_lag_and_says_so(how: str) -> None:
    session = a_session()
    await session.table.write(a_record(seq=3))
    if how == "hangs":
        session.redis.hangs = True
    else:
        session.redis.breaks()
    began_at = now()
    assert await session.shown() == (3, False)
    assert now() - began_at < 1


@virtual_time
async def test_a_final_record_is_fresh_whatever_is_out() -> None:
    session = a_session()
    await session.table.write(completed(a_record(), 4))
    session.redis.breaks()
    assert await session.shown() == (4, True)


@virtual_time
async def test_where_there_is_no_redis_dynamodb_is_fresh() -> None:
    table = FakeJobTable()
    await table.write(a_record(seq=3))
    reading = await Reader(table, None).read(JOB)
    assert reading == Reading(a_record(seq=3), fresh=True)


@virtual_time
async def test_without_dynamodb_what_redis_has_is_shown_and_no_record_is_not_taken_for_none() -> None:
    session = a_session()
    session.table.hangs = True
    with pytest.raises(DependencyUnavailableError):
        await session.shown()
    await session.redis.write(a_record(seq=5))
    assert await session.shown() == (5, False)


@virtual_time
async def test_when_both_hang_there_is_an_error_within_a_second() -> None:
    session = a_session()
    session.table.hangs = session.redis.hangs = True
    began_at = now()
    with pytest.raises(DependencyUnavailableError):
        await session.shown()
    assert now() - began_at < 1


@virtual_time
async def test_a_read_that_is_cancelled_leaves_nothing_behind() -> None:
    session = a_session()
    session.table.hangs = session.redis.hangs = True
    for seconds in (0.0, 0.1, 0.15, 0.3):
        reading = asyncio.create_task(session.reader.read(JOB))
        await asyncio.sleep(seconds)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}


# --- watching ------------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_watcher_gets_each_record_at_once_and_ends_with_the_final_one() -> None:
    session = a_session()
    async with watching(session) as seen:
        for seq in (1, 2, 3):
            await session.redis.write(a_record(seq=seq))
            await asyncio.sleep(0.01)
        await session.redis.write(completed(a_record(), 4))
        await asyncio.sleep(0.01)
        records = [reading.record for _, reading in seen]
        assert records == [None, a_record(seq=1), a_record(seq=2), a_record(seq=3), completed(a_record(), 4)]


@virtual_time
async def test_a_watcher_without_notifications_polls_until_the_end() -> None:
    session = a_session()
    session.redis.breaks()
    async with watching(session) as seen:
        for seq in (1, 2, 3):
            await session.table.write(a_record(seq=seq))
            await asyncio.sleep(3.1)
        await session.table.write(completed(a_record(), 4))
        await asyncio.sleep(3.1)
        assert [reading.record.version.seq for _, reading in seen if reading.record] == [1, 2, 3, 4]


@virtual_time
async def test_a_watch_survives_an_outage_of_everything() -> None:
    session = a_session()
    await session.table.write(a_record(seq=1))
    async with watching(session) as seen:
        session.table.hangs = session.redis.hangs = True
        session.redis.cut_watchers()
        await asyncio.sleep(100)
        session.table.works()
        session.redis.works()
        await asyncio.sleep(4)
        began_at = now()
        await session.redis.write(a_record(seq=2))
        await asyncio.sleep(0.01)
        at, reading = seen[-1]
        assert reading == Reading(a_record(seq=2), fresh=True)
        assert at - began_at < 0.01


@virtual_time
async def test_a_watcher_never_sees_a_job_go_back() -> None:
    session = a_session()
    async with watching(session) as seen:
        for seq in range(1, 60):
            store = session.redis if seq % 3 else session.table
            await store.write(a_record(seq=seq))
            if seq % 7 == 0:
                session.redis.held.clear()
                session.redis.cut_watchers()
            await asyncio.sleep(0.3)
    versions = [reading.record.version for _, reading in seen if isinstance(reading.record, Record)]
    assert versions == sorted(versions)
    assert len(versions) > 10


@virtual_time
async def test_a_watcher_that_reads_slowly_gets_the_newest() -> None:
    session = a_session()
    async with aclosing(session.reader.watch(JOB)) as readings:
        await anext(readings)
        await asyncio.sleep(0.01)
        for seq in (1, 2, 3):
            await session.redis.write(a_record(seq=seq))
        await asyncio.sleep(10)
        assert (await anext(readings)).record == a_record(seq=3)
    assert asyncio.all_tasks() == {asyncio.current_task()}
