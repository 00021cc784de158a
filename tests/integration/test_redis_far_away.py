"""A Redis that answers slowly, as one far away does: readers give it the time that its timeouts allow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import pytest

from tests.fakes.stores import FakeJobTable
from tests.support.budgets import check_budget, in_time
from tests.support.records import a_record, completed
from tests.support.redis_faults import BreakableRedis, a_breakable_redis
from worker.application.progress.reader import Reader, Reading
from worker.domain.errors import DependencyUnavailableError

JOB = "ep-0142"
ROUND_TRIP = 0.1  # seconds; a login and a command take two


@asynccontextmanager
async def a_redis_far_away(tls: bool) -> AsyncIterator[BreakableRedis]:
    async with a_breakable_redis() as breakable:
        breakable.proxy.delay_seconds = lambda: ROUND_TRIP
        await breakable.proxy.start(breakable.certificate.server() if tls else None)
        yield breakable


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_what_a_slow_redis_says_is_fresh_from_the_first_read(tls: bool) -> None:
    table = FakeJobTable()
    await table.write(a_record(seq=3))
    async with a_redis_far_away(tls) as breakable:
        near, far = breakable.store(connect_timeout=5), breakable.store(proxied=True, tls=tls)
        await near.write(a_record(seq=5))
        try:
            reading = await Reader(table, far).read(JOB)
        finally:
            await near.aclose()
            await far.aclose()

    with in_time():
        assert reading == Reading(a_record(seq=5), fresh=True)


async def test_a_completed_job_can_be_read_from_a_slow_redis_while_dynamodb_is_out() -> None:
    table = FakeJobTable()
    table.breaks()
    async with a_redis_far_away(False) as breakable:
        near, far = breakable.store(connect_timeout=5), breakable.store(proxied=True)
        await near.write(completed(a_record(), 5))
        try:
            reading = await Reader(table, far).read(JOB)
        finally:
            await near.aclose()
            await far.aclose()

    with in_time():
        assert reading == Reading(completed(a_record(), 5), fresh=True)


async def test_a_read_ends_within_a_second_however_long_the_timeouts_are() -> None:
    table = FakeJobTable()
    table.breaks()
    async with a_redis_far_away(False) as breakable:
        breakable.proxy.delay_seconds = lambda: 30
        far = breakable.store(proxied=True, connect_timeout=10, command_timeout=10)
        began_at = perf_counter()
        try:
            with pytest.raises(DependencyUnavailableError):
                await Reader(table, far).read(JOB)
            seconds = perf_counter() - began_at
        finally:
            await far.aclose()

    check_budget(seconds, 1, "a read")
