"""The same outages of Redis for the worker's store, redis-py with its defaults, and redis-py's MultiDBClient."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import redis.asyncio
from redis.asyncio.multidb.client import MultiDBClient
from redis.asyncio.multidb.config import DatabaseConfig, MultiDbConfig
from redis.multidb.exception import InitialHealthCheckFailedError

import tests.support.hanging_names.sitecustomize  # noqa: F401 - from now on one name can hang
from tests.support.records import a_record
from tests.support.redis_faults import NAMED, PASSWORD, BreakableRedis, Fault, a_breakable_redis
from tests.support.waiting import wait_until
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache
from worker.demo import servers
from worker.demo.servers import HOST

CUT_OFF_SECONDS = 10.0
OUTAGE_SECONDS = 2.0
WRITES = 10

Write = Callable[[int], Awaitable[None]]


@dataclass
class MeasuredOutage:
    """What one fault cost one client. Times in seconds.

    The series of writes ends when its total reaches CUT_OFF_SECONDS.
    """

    writes: list[float] = field(default_factory=list)
    failed: int = 0  # writes that no store took
    back_seconds: float | None = None

    @property
    def is_cut_off(self) -> bool:
        return bool(self.writes) and self.writes[-1] >= CUT_OFF_SECONDS

    def summary(self) -> Mapping[str, Any]:
        return {
            "writes_ms": [round(seconds * 1000, 1) for seconds in self.writes],
            "worst_ms": round(max(self.writes) * 1000, 1),
            "is_cut_off": self.is_cut_off,
            "failed": self.failed,
            "back_seconds": None if self.back_seconds is None else round(self.back_seconds, 2),
        }


async def ours(fault: Fault, table: DynamoJobTable) -> MeasuredOutage:
    """The failover store: Redis, else DynamoDB."""
    outage = MeasuredOutage()
    async with a_breakable_redis() as breakable, AsyncExitStack() as stack:
        await _start_proxy(breakable, fault)
        redis_store = breakable.store(proxied=fault.is_proxied, tls=fault.has_tls)
        stack.push_async_callback(redis_store.aclose)
        store = FailoverStore(table, GuardedCache(redis_store, now=lambda: datetime.now(UTC)))
        running = asyncio.create_task(store.run())
        stack.callback(running.cancel)
        await wait_until(lambda: store.cache_state == "connected")

        async def write(seq: int) -> None:
            await store.tick(a_record(round(began_at * 1e6), seq))

        began_at = perf_counter()
        await write(1)
        await fault.begin(breakable)
        await _measure(outage, write)
        await asyncio.sleep(OUTAGE_SECONDS)
        await fault.end(breakable)
        ended_at = perf_counter()
        await wait_until(lambda: store.outage is None)
        outage.back_seconds = perf_counter() - ended_at
    return outage


async def libraries(fault: Fault) -> tuple[MeasuredOutage, MeasuredOutage | None]:
    """Run both clients of redis-py, at the same time where possible: they mostly wait."""
    if fault.is_named:  # there is one name, and one file that makes it hang
        return await redis_py(fault), await multi_db(fault)
    return await asyncio.gather(redis_py(fault), multi_db(fault))


async def redis_py(fault: Fault) -> MeasuredOutage:
    """`redis.asyncio.Redis` with its defaults."""
    async with a_breakable_redis() as breakable:
        await _start_proxy(breakable, fault)
        client = redis.asyncio.Redis(**_arguments(breakable, fault))

        async def write(seq: int) -> None:
            await client.set("key", seq)

        return await _broken(breakable, fault, write, client.aclose)


async def multi_db(fault: Fault) -> MeasuredOutage | None:
    """`MultiDBClient` with its defaults and a second Redis without faults.

    None where it never connects: its health checks drop TLS from a database's arguments (redis-py 8.1.0).
    """
    warnings.simplefilter("ignore", UserWarning)  # it warns that it is experimental
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # it leaves failed tasks behind
    with servers.redis("--requirepass", PASSWORD) as second:
        async with a_breakable_redis() as breakable:
            await _start_proxy(breakable, fault)
            databases = [
                DatabaseConfig(weight=1.0, client_kwargs=_arguments(breakable, fault)),
                DatabaseConfig(weight=0.5, client_kwargs={"host": HOST, "port": second.port, "password": PASSWORD}),
            ]
            client: Any = MultiDBClient(MultiDbConfig(databases))

            async def write(seq: int) -> None:
                await client.execute_command("SET", "key", seq)

            try:
                return await _broken(breakable, fault, write, client.aclose)
            except InitialHealthCheckFailedError:
                return None


async def _broken(
    breakable: BreakableRedis, fault: Fault, write: Write, close: Callable[[], Awaitable[None]]
) -> MeasuredOutage:
    """Measure one write without the fault, and the writes after it has begun."""
    outage = MeasuredOutage()
    try:
        await write(1)
        await fault.begin(breakable)
        await _measure(outage, write)
        await fault.end(breakable)
    finally:
        with suppress(Exception):
            await close()
    return outage


async def _measure(outage: MeasuredOutage, write: Write) -> None:
    for seq in range(2, WRITES + 2):
        began_at = perf_counter()
        try:
            async with asyncio.timeout(CUT_OFF_SECONDS):
                await write(seq)
        except Exception:  # noqa: BLE001 - each library has its own kinds
            outage.failed += 1
        outage.writes.append(perf_counter() - began_at)
        if sum(outage.writes) >= CUT_OFF_SECONDS:
            return


async def _start_proxy(breakable: BreakableRedis, fault: Fault) -> None:
    if fault.is_proxied:
        await breakable.proxy.start(breakable.certificate.server() if fault.has_tls else None)


def _arguments(breakable: BreakableRedis, fault: Fault) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "host": NAMED if fault.is_named else HOST,
        "port": breakable.proxy.port if fault.is_proxied else breakable.server.port,
        "password": PASSWORD,
    }
    os.environ["NAMES_HANG"] = breakable.resolver.environment["NAMES_HANG"]
    if fault.has_tls:
        arguments |= {"ssl": True, "ssl_ca_certs": str(breakable.certificate.file)}
    return arguments
