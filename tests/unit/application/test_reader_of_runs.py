"""What is shown of a job that is run again, also where one store has missed it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.records import NOW, a_record, completed
from tests.support.virtual_time import now, virtual_time
from worker.application.progress.reader import Reader, Reading
from worker.domain.errors import NoAudioError
from worker.domain.outcome import Failed, record_of
from worker.domain.progress import Record, Version, next_run

JOB = "ep-0142"
FAILED = record_of(Failed(NoAudioError(), 1), a_record(1000, 7), Version(1000, 8), NOW)
QUEUED_AGAIN = next_run(FAILED, NOW)
RUNNING_AGAIN = a_record(9000, 3, run=2)
FAILED_AGAIN = record_of(Failed(NoAudioError(), 1), RUNNING_AGAIN, Version(9000, 4), NOW)


def a_reader() -> tuple[Reader, FakeJobTable, FakeProgressCache]:
    table, redis = FakeJobTable(), FakeProgressCache()
    return Reader(table, redis, random=lambda: 0.5), table, redis


@virtual_time
@pytest.mark.parametrize("newer", [QUEUED_AGAIN, RUNNING_AGAIN])
async def test_the_end_that_redis_still_has_hides_no_later_run_in_dynamodb(newer: Record) -> None:
    reader, table, redis = a_reader()
    await redis.write(FAILED)
    await table.write(newer)
    assert await reader.read(JOB) == Reading(newer, fresh=True)


@virtual_time
async def test_the_end_that_redis_still_has_hides_no_later_run_in_dynamodb_that_answers_late() -> None:
    reader, table, redis = a_reader()
    await redis.write(FAILED)
    await table.write(RUNNING_AGAIN)
    table.hangs = True
    asyncio.get_running_loop().call_later(0.5, setattr, table, "hangs", False)
    assert await reader.read(JOB) == Reading(RUNNING_AGAIN, fresh=True)


@virtual_time
@pytest.mark.parametrize("how", ["breaks", "hangs"])
async def test_an_end_of_redis_alone_is_shown_and_may_lag_unless_the_job_is_completed(how: str) -> None:
    for end, is_fresh in ((FAILED, False), (completed(a_record(1000), 8), True)):
        reader, table, redis = a_reader()
        await redis.write(end)
        if how == "hangs":
            table.hangs = True
        else:
            table.breaks()
        began_at = now()
        assert await reader.read(JOB) == Reading(end, fresh=is_fresh)
        assert now() - began_at < 1


@virtual_time
async def test_an_end_in_dynamodb_is_not_waited_for_elsewhere() -> None:
    reader, table, redis = a_reader()
    await table.write(FAILED)
    redis.hangs = True
    began_at = now()
    assert await reader.read(JOB) == Reading(FAILED, fresh=True)
    assert now() == began_at


@virtual_time
async def test_a_session_that_has_seen_the_next_run_never_sees_the_last_again() -> None:
    reader, table, redis = a_reader()
    await table.write(RUNNING_AGAIN)
    await reader.read(JOB)
    table.breaks()
    await redis.write(FAILED)
    assert await reader.read(JOB) == Reading(RUNNING_AGAIN, fresh=False)


@virtual_time
async def test_a_watch_goes_on_through_the_end_of_the_last_run_that_comes_late_to_redis() -> None:
    """As when a worker replays to Redis what it has missed, after the next run has begun elsewhere."""
    reader, table, redis = a_reader()
    await table.write(RUNNING_AGAIN)
    table.breaks()

    async def last_seen() -> Record | None:
        async with aclosing(reader.watch(JOB)) as readings:
            return [reading.record async for reading in readings][-1]

    watching = asyncio.create_task(last_seen())
    await asyncio.sleep(0.01)
    await redis.write(FAILED)
    await asyncio.sleep(5)
    assert not watching.done()

    table.works()
    await table.write(FAILED_AGAIN)
    assert await watching == FAILED_AGAIN
