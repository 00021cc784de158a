"""What a watch of the client shows, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.clients import a_client
from tests.support.records import a_record, completed
from tests.support.virtual_time import virtual_time
from worker.client import Status
from worker.client.closable import ClosableReadings


@virtual_time
async def test_a_watch_shows_each_newer_record_once_and_ends_with_the_job() -> None:
    table, cache = FakeJobTable(), FakeProgressCache()
    async with a_client(table, cache) as jobs:
        records = jobs.watch("ep-0142")
        waiting = asyncio.create_task(anext(records))
        await asyncio.sleep(5)
        assert not waiting.done()  # a job without a record is waited for
        for seq in (3, 2, 8):
            await cache.write(a_record(seq=seq))
            await asyncio.sleep(5)
        await table.write(completed(a_record(), 9))

        seen = [await waiting, *[record async for record in records]]

    assert [record.version.seq for record in seen] == sorted({record.version.seq for record in seen})
    assert (seen[0].version.seq, seen[-1].status) == (3, Status.COMPLETED)


@virtual_time
async def test_watches_end_with_their_client_and_leave_nothing_that_runs() -> None:
    table, cache = FakeJobTable(), FakeProgressCache()
    table.put(a_record(1000, 1, job_id="ep-1"))
    async with a_client(table, cache) as jobs:
        waiting = asyncio.create_task(anext(jobs.watch("nobody")))
        cancelled = asyncio.create_task(anext(jobs.watch("nobody")))
        shown = jobs.watch("ep-1")
        assert (await anext(shown)).job_id == "ep-1"
        await asyncio.sleep(10)
        cancelled.cancel()

    for ended in (waiting, anext(shown)):
        with pytest.raises(RuntimeError, match="inside of `async with`"):
            await ended
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual_time
async def test_a_watch_that_is_not_over_in_time_says_so() -> None:
    async with a_client(FakeJobTable()) as jobs:
        began_at = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await anext(jobs.watch("nobody", timeout_seconds=30))
        assert 30 <= asyncio.get_running_loop().time() - began_at < 31


@virtual_time
async def test_a_client_waits_at_its_end_for_a_watch_that_is_being_closed() -> None:
    table, cache = FakeJobTable(), FakeProgressCache()
    await cache.write(a_record(seq=3))
    async with a_client(table, cache) as jobs:
        records = jobs.watch("ep-0142")
        await anext(records)
        closing = asyncio.create_task(records.aclose())
        await asyncio.sleep(0)  # it has begun, and its reads have not ended

    assert "watch ep-0142" not in {task.get_name() for task in asyncio.all_tasks()}
    await closing


async def test_readings_that_two_tasks_close_at_once_are_closed_once() -> None:
    async def readings() -> AsyncGenerator[Any, None]:
        try:
            while True:
                yield object()
        finally:
            await asyncio.sleep(0)  # as a read that is under way takes turns of the loop to end

    closable = ClosableReadings(readings())
    await closable.next()

    # a program that leaves its loop early has the watch closed by the loop, and by the end of the `async with`
    await asyncio.gather(closable.close(), closable.close())
