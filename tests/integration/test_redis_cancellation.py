"""Thousands of commands that are cancelled or timed out: no reply to the wrong caller, no leak, no stall."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from time import perf_counter

import pytest

from tests.support.records import a_record
from tests.support.redis_faults import BreakableRedis, a_breakable_redis
from tests.support.waiting import wait_until
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.ports import StoreUnavailableError, WriteResult

_CALLERS = 16
_ROUNDS = 100
_FENCE = 1000


class Caller:
    """Writes and reads a job of its own, gives up often, and knows the one right answer to each call."""

    def __init__(self, store: RedisProgressCache, number: int, ends: Counter[str]) -> None:
        self._store = store
        self._job_id = f"job-{number}"
        self._random = Random(number)
        self._ends = ends
        self._known = 0  # the highest seq that was acknowledged
        self._tried = 0

    async def run(self) -> None:
        for _ in range(_ROUNDS):
            call = self._random.choice([self._write_newer, self._write_older, self._write_same, self._read])
            task = asyncio.create_task(call())
            patience = self._random.choice([None, 0.0, self._random.uniform(0, 0.008)])
            if patience is not None:
                await asyncio.sleep(patience)
                task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(result, Exception) and not isinstance(result, StoreUnavailableError):
                raise result
            self._ends[type(result).__name__] += 1

    async def _write_newer(self) -> None:
        self._tried += 1
        seq = self._tried
        assert await self._store.write(a_record(_FENCE, seq, job_id=self._job_id)) is WriteResult.APPLIED
        self._known = seq

    async def _write_older(self) -> None:
        if self._known:
            assert await self._store.write(a_record(_FENCE - 1, 999, job_id=self._job_id)) is WriteResult.STALE

    async def _write_same(self) -> None:
        if self._known and self._known == self._tried:
            assert await self._store.write(a_record(_FENCE, self._known, job_id=self._job_id)) is WriteResult.SAME

    async def _read(self) -> None:
        known, tried = self._known, self._tried
        record = await self._store.read(self._job_id)
        if record is None:
            assert known == 0
        else:
            assert record.job_id == self._job_id
            assert known <= record.version.seq <= tried


def connections(breakable: BreakableRedis) -> int:
    """How many the server has, beside the one that asks."""
    clients: list[object] = breakable.command("CLIENT LIST")
    return len(clients) - 1


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("limit", [4, 64])
async def test_no_reply_goes_to_another_caller_and_no_connection_is_lost(tls: bool, limit: int) -> None:
    jitter = Random(1)
    ends: Counter[str] = Counter()
    async with a_breakable_redis() as breakable:
        breakable.proxy.delay_seconds = lambda: jitter.uniform(0, 0.004)
        await breakable.proxy.start(breakable.certificate.server() if tls else None)
        store = breakable.store(proxied=True, tls=tls, connect_timeout=2, command_timeout=1, connections=limit)
        began_at = perf_counter()
        try:
            await asyncio.gather(*(Caller(store, number, ends).run() for number in range(_CALLERS)))
            assert perf_counter() - began_at < 30
            assert sum(ends.values()) == _CALLERS * _ROUNDS
            assert ends["CancelledError"] > 100
            assert ends["NoneType"] > 100
            assert next(iter(store._nodes))._in_use == set()
            await wait_until(lambda: connections(breakable) <= len(next(iter(store._nodes))._idle) <= limit)
            await asyncio.gather(*(store.read(f"job-{number}") for number in range(limit)))
            assert len(next(iter(store._nodes))._idle) <= limit
        finally:
            await store.aclose()
        await wait_until(lambda: connections(breakable) == 0)


async def test_the_answer_to_a_command_that_timed_out_goes_to_no_other_command() -> None:
    late = Random(2)
    async with a_breakable_redis() as breakable:
        breakable.proxy.delay_seconds = lambda: late.choice([0.0, 0.0, 0.03])
        await breakable.proxy.start()
        store = breakable.store(proxied=True, connect_timeout=2, command_timeout=0.015)
        ends: Counter[str] = Counter()
        try:
            await asyncio.gather(*(Caller(store, number, ends).run() for number in range(_CALLERS)))
            assert ends["StoreUnavailableError"] > 50
            assert next(iter(store._nodes))._in_use == set()
        finally:
            await store.aclose()
        await wait_until(lambda: connections(breakable) == 0)
