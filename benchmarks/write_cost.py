"""What a write of progress costs, compared with a bare write, and how many a job of ten minutes makes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter, process_time
from typing import Any

import redis.asyncio

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.records import NOW, a_record
from tests.support.redis_faults import PASSWORD, a_breakable_redis
from tests.support.reporting import PlayedProgress
from tests.support.virtual_time import run
from tests.support.waiting import wait_until
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.adapters.redis import progress_cache as redis_adapter
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache, Mode
from worker.application.progress.reporter import Reporter
from worker.domain.outcome import Completed
from worker.domain.progress import OutputRecord, Stage
from worker.ports import StoreUnavailableError

_WRITES = 400


async def open_writes(job_table: DynamoJobTable, client: Any, table: str) -> Mapping[str, Any]:
    """Milliseconds of the store's writes while Redis is out, and of the same UpdateItem by the bare SDK, in turns."""
    ours: list[float] = []
    bare: list[float] = []
    recorder: Any = _Recorder(client)
    async with a_breakable_redis() as breakable:
        redis_store = breakable.store()
        store = FailoverStore(job_table, GuardedCache(redis_store, now=lambda: datetime.now(UTC)))
        breakable.server.kill()
        running = asyncio.create_task(store.run())
        for seq in range(1, _WRITES + 1):
            ours.append(await _timed(store.tick(a_record(1000, seq, job_id="ours"))))
            await DynamoJobTable(recorder, table, now=lambda: datetime.now(UTC)).write(
                a_record(1000, seq, job_id="bare")
            )
            bare.append(await _timed(client.update_item(**recorder.sent)))
        running.cancel()
        await redis_store.aclose()
    ratio = median(ours) / median(bare)
    return {"ours_ms": _ms(ours), "bare_ms": _ms(bare), "ratio": round(ratio, 3)}


class _Recorder:
    """In the place of the SDK's client, to record what the worker would send."""

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions
        self.sent: dict[str, Any] = {}

    async def update_item(self, **arguments: Any) -> None:
        self.sent = arguments


def _ms(seconds: list[float]) -> float:
    return round(median(seconds) * 1000, 2)


async def _timed(call: Awaitable[Any]) -> float:
    began_at = perf_counter()
    await call
    return perf_counter() - began_at


async def overhead(*, rounds: int = 15, writes: int = _WRITES) -> Mapping[str, float]:
    """The CPU time of this process, in microseconds, for one write by the same script in three ways, in turns."""
    async with a_breakable_redis() as breakable:
        redis_store = breakable.store()
        store = FailoverStore(FakeJobTable(), GuardedCache(redis_store, now=lambda: datetime.now(UTC)))
        running = asyncio.create_task(store.run())
        await wait_until(lambda: store.cache_state == "connected")
        client = redis.asyncio.Redis(port=breakable.server.port, password=PASSWORD)
        text = a_record(1000, 1).to_json()
        digest = await client.script_load(redis_adapter._SCRIPT)  # noqa: SLF001 - to compare the same script

        async def library(seq: int) -> None:
            await client.evalsha(digest, 1, "audio:job:library", 1000, seq, "running", text, 60000, 1, "token")

        async def adapter(seq: int) -> None:
            await redis_store.write(a_record(1000, seq, job_id="adapter"))

        async def whole(seq: int) -> None:
            await store.tick(a_record(1000, seq, job_id="whole"))

        seconds = await _in_turns({"redis_py": library, "adapter": adapter, "store": whole}, rounds, writes)
        running.cancel()
        await client.aclose()
        await redis_store.aclose()
    return {name: round(value * 1e6, 1) for name, value in seconds.items()}


async def _in_turns(
    ways: Mapping[str, Callable[[int], Awaitable[None]]], rounds: int, writes: int
) -> Mapping[str, float]:
    """The CPU seconds of one call of each way: the median of all rounds."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, write in ways.items():
            began_at = process_time()
            for seq in range(writes):
                await write(number * writes + seq)
            spent[name].append((process_time() - began_at) / writes)
    return {name: median(values) for name, values in spent.items()}


def ten_minutes(mode: Mode, *, redis_is_well: bool) -> Mapping[str, int]:
    """How many calls a job of ten minutes makes to each store, counted in virtual time."""
    return run(_ten_minutes(mode, redis_is_well=redis_is_well))


async def _ten_minutes(mode: Mode, *, redis_is_well: bool) -> Mapping[str, int]:
    loop = asyncio.get_running_loop()
    now = lambda: NOW + timedelta(seconds=loop.time())  # noqa: E731 - a clock
    job_table, cache = FakeJobTable(), FakeProgressCache()
    if not redis_is_well:
        cache.failure = StoreUnavailableError("connection refused")
    store = FailoverStore(job_table, GuardedCache(cache, now=now, mode=mode))
    claimed = a_record(1000, 1, percent=0.0, stage=Stage.DOWNLOADING)
    tasks = [asyncio.create_task(store.run())]
    await asyncio.sleep(0.1)
    await job_table.read(claimed.job_id)
    await store.write_if_unchanged(claimed, None)
    progress = PlayedProgress()
    reporter = Reporter(store, claimed, progress, now=now, random=lambda: 0.5, lease_seconds=60)
    tasks.append(asyncio.create_task(reporter.run()))
    for step in range(6000):
        progress.set(Stage.CONVERTING, step / 60, 600 - step / 10)
        await asyncio.sleep(0.1)
    await reporter.checkpoint()
    await reporter.end(Completed((OutputRecord("s3://out/a.mp3", 1, 1.0, "0f"),)))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return {"dynamodb_writes": len(job_table.writes), "redis_writes": len(cache.writes)}
