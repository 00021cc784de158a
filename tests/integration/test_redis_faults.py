"""A real Redis under real faults: writes stay short, each outage is logged once, and Redis is up to date after it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import pytest
import redis.asyncio

from tests.support.black_hole import BlackHole
from tests.support.budgets import check_budget, in_time
from tests.support.events import LoggedEvents, logged_events
from tests.support.odd_server import answering
from tests.support.processes import freeze, thaw
from tests.support.records import a_record, completed
from tests.support.redis_faults import FAULTS, PASSWORD, BreakableRedis, Fault, a_breakable_redis
from tests.support.waiting import wait_until
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import CACHE_SECONDS, GuardedCache
from worker.demo.servers import HOST
from worker.domain.progress import Record
from worker.events import Event
from worker.ports import StoreUnavailableError, WriteResult

JOB = "ep-0142"
# A busy machine is no outage.
PATIENT: dict[str, Any] = {"connect_timeout": 5, "command_timeout": 5}
PATIENT_SECONDS = 10.0


@pytest.fixture
async def job_table(dynamodb_client: Any, table: str) -> DynamoJobTable:
    made = DynamoJobTable(dynamodb_client, table, now=lambda: datetime.now(UTC))
    await made.read(JOB)  # the connection is warm, as the checkpoints keep it
    return made


@dataclass
class Worker:
    """The progress store of a worker, and what it says."""

    store: FailoverStore
    redis: RedisProgressCache
    log: LoggedEvents
    seq: int = 0
    seconds: list[float] = field(default_factory=list)  # of each tick

    async def tick(self, count: int = 1) -> Record:
        """Write `count` ticks, one after the other; returns the last record."""
        for _ in range(count):
            self.seq += 1
            began_at = perf_counter()
            assert await self.store.tick(a_record(1000, self.seq)) is WriteResult.APPLIED
            self.seconds.append(perf_counter() - began_at)
        return a_record(1000, self.seq)

    def logged(self) -> list[int]:
        events = (Event.REDIS_UNAVAILABLE, Event.PROGRESS_FAILED_OVER, Event.PROGRESS_FAILED_BACK)
        return [len(self.log.of(event)) for event in events]


@asynccontextmanager
async def a_worker(
    job_table: DynamoJobTable, redis_store: RedisProgressCache, cache_seconds: float = CACHE_SECONDS
) -> AsyncIterator[Worker]:
    store = FailoverStore(job_table, GuardedCache(redis_store, now=lambda: datetime.now(UTC), seconds=cache_seconds))
    with logged_events() as log:
        running = asyncio.create_task(store.run())
        try:
            yield Worker(store, redis_store, log)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.wait([running])
            await redis_store.aclose()


def a_patient_worker(job_table: DynamoJobTable, breakable: BreakableRedis) -> AbstractAsyncContextManager[Worker]:
    return a_worker(job_table, breakable.store(**PATIENT), PATIENT_SECONDS)


async def connected(worker: Worker) -> None:
    await wait_until(lambda: worker.store.cache_state == "connected")


async def back(worker: Worker) -> float:
    """Wait for the end of the outage; returns the seconds it took."""
    began_at = perf_counter()
    await wait_until(lambda: worker.store.outage is None)
    return perf_counter() - began_at


async def held(breakable: BreakableRedis) -> Record | None:
    """What Redis holds, asked over a connection that is not the worker's."""
    store = breakable.store(**PATIENT)
    try:
        return await store.read(JOB)
    finally:
        await store.aclose()


@pytest.mark.parametrize("name", FAULTS)
async def test_an_outage_costs_little_is_logged_once_and_ends_by_itself(name: str, job_table: DynamoJobTable) -> None:
    fault = FAULTS[name]
    async with a_breakable_redis() as breakable, a_worker(job_table, await a_store(breakable, fault)) as worker:
        await connected(worker)
        assert await worker.tick(3) == await held(breakable)
        worker.seconds.clear()

        await fault.begin(breakable)
        newest = await worker.tick(10)
        check_budget(max(worker.seconds), 1, "a tick")
        check_budget(sorted(worker.seconds)[6], 0.2, "a tick")  # at most three wait for Redis
        assert await job_table.read(JOB) == newest
        assert worker.store.progress_store == "dynamodb"
        await wait_until(lambda: worker.logged() == [1, 1, 0])

        await fault.end(breakable)
        check_budget(await back(worker), 6, "the failback")
        assert await held(breakable) == newest
        with in_time():  # a late answer is another outage
            assert worker.logged() == [1, 1, 1]
            assert await worker.tick(3) == await held(breakable)
            assert worker.logged() == [1, 1, 1]


async def a_store(breakable: BreakableRedis, fault: Fault) -> RedisProgressCache:
    if fault.is_proxied:
        await breakable.proxy.start(breakable.certificate.server() if fault.has_tls else None)
    return breakable.store(proxied=fault.is_proxied, tls=fault.has_tls)


@pytest.mark.parametrize("words", [("CLIENT", "KILL", "TYPE", "normal"), ("SCRIPT", "FLUSH")], ids=" ".join)
async def test_closed_connections_and_forgotten_scripts_are_no_outage(
    words: tuple[str, ...], job_table: DynamoJobTable
) -> None:
    async with a_breakable_redis() as breakable, a_patient_worker(job_table, breakable) as worker:
        await connected(worker)
        for _ in range(5):
            await worker.tick()
            await asyncio.to_thread(breakable.command, *words)
        assert await worker.tick(5) == await held(breakable)
        assert worker.logged() == [0, 0, 0]
        assert await job_table.read(JOB) is None


async def test_a_key_of_another_type_concerns_its_job_alone(job_table: DynamoJobTable) -> None:
    async with a_breakable_redis() as breakable, a_patient_worker(job_table, breakable) as worker:
        await connected(worker)
        breakable.command("SET", f"audio:job:{JOB}", "of somebody else")
        newest = await worker.tick(12)
        assert await job_table.read(JOB) == newest
        assert worker.logged() == [0, 0, 0]
        assert await worker.store.tick(a_record(job_id="another")) is WriteResult.APPLIED

        breakable.command("CONFIG", "SET", "min-replicas-to-write", "1")
        await worker.store.tick(a_record(seq=2, job_id="another"))
        breakable.command("CONFIG", "SET", "min-replicas-to-write", "0")
        check_budget(await back(worker), 6, "the failback")
        line = worker.log.one(Event.PROGRESS_REPLAY_FAILED)
        assert (line["job_id"], line["error"]) == (JOB, "key of another type")
        assert breakable.command("GET", f"audio:job:{JOB}") == b"of somebody else"


async def test_a_damaged_hash_is_written_anew(job_table: DynamoJobTable) -> None:
    async with a_breakable_redis() as breakable, a_patient_worker(job_table, breakable) as worker:
        await connected(worker)
        for damage in (("HDEL", "seq"), ("HSET", "fence", "soon"), ("HDEL", "fence", "seq", "status", "record")):
            await worker.tick()
            breakable.command(damage[0], f"audio:job:{JOB}", *damage[1:])
            assert await worker.tick() == await held(breakable)
        assert worker.logged() == [0, 0, 0]


async def test_a_write_that_was_given_up_arrives_late_and_changes_nothing(job_table: DynamoJobTable) -> None:
    async with a_breakable_redis() as breakable, a_worker(job_table, breakable.store()) as worker:
        await connected(worker)
        await worker.tick(2)
        watcher = redis.asyncio.Redis(host=HOST, port=breakable.server.port, password=PASSWORD)
        async with contextlib.aclosing(watcher), watcher.pubsub() as announced:
            await announced.subscribe(f"audio:job:{JOB}")
            freeze(breakable.server)
            ghost = await worker.tick()
            final = completed(ghost, worker.seq + 1)
            assert await worker.store.commit(final) is WriteResult.APPLIED
            await worker.store.tick(a_record(1000, 1, job_id="another"))
            assert worker.store.cache_state == "unavailable"
            thaw(breakable.server)
            await back(worker)
            assert await held(breakable) == final
            heard = [Record.from_json(message["data"]).version.seq for message in await messages(announced, 2)]
        assert heard == [ghost.version.seq, final.version.seq]


async def messages(channel: Any, count: int) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            message = await channel.get_message(ignore_subscribe_messages=True, timeout=5)
            found += [message] if message else []
    return found


async def test_an_address_that_swallows_everything_leaves_time_for_the_next() -> None:
    async with a_breakable_redis() as breakable:
        hole = await asyncio.to_thread(BlackHole, breakable.server.port, "127.0.0.2")
        endpoint = Endpoint("redis.example.org", breakable.server.port, password=PASSWORD)
        store = RedisProgressCache(endpoint, resolve=lambda _host, _port: ["127.0.0.2", HOST], connect_timeout=1)
        try:
            assert await store.write(a_record()) is WriteResult.APPLIED
        finally:
            await store.aclose()
            hole.close()


@pytest.mark.parametrize("host", ["redis..example.org", f"{'a' * 64}.example.org"])
async def test_a_name_that_no_resolver_takes_is_an_outage_and_never_a_crash(host: str) -> None:
    store = RedisProgressCache(Endpoint(host))
    with pytest.raises(StoreUnavailableError, match="name not resolved"):
        await store.probe()
    await store.aclose()


# --- who else may listen at the port -------------------------------------------------------------------------------

ODD_ANSWERS = {
    "web server": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "simple string": b"+OK\r\n",
    "number": b":1\r\n",
    "nothing": b"$-1\r\n",
    "list": b"*1\r\n$1\r\na\r\n",
    "nested lists": b"*1\r\n" * 30 + b":1\r\n",
    "error that is no text": b"-\xff\xfe\xc3\r\n",
    "another code page": b"-ERR \xe9chec\r\n",
    "zeros": bytes(100),
    "half an answer": b"$500\r\nab",
    "farewell": b"",
    "a redirection to no node": b"-MOVED x\r\n",
    "a redirection to no port": b"-MOVED 1 127.0.0.1:\r\n",
    "a redirection to a port that none has": b"-MOVED 1 127.0.0.1:65536\r\n",
    "a redirection to a name that none has": b"-ASK 1 a..b:1\r\n",
    "lists without end": b"*1\r\n" * 100_000,
}


@pytest.mark.parametrize("is_cluster", [False, True], ids=["one server", "a cluster"])
@pytest.mark.parametrize("name", ODD_ANSWERS)
async def test_what_is_no_redis_is_unavailable_and_never_a_crash(name: str, is_cluster: bool) -> None:
    with answering(ODD_ANSWERS[name]) as port:
        store = RedisProgressCache(Endpoint(HOST, port), resolve=lambda _host, _port: [HOST], is_cluster=is_cluster)
        try:
            for _ in range(2):
                with pytest.raises(StoreUnavailableError):
                    await store.probe()
                with pytest.raises(StoreUnavailableError):
                    await store.write(a_record())
                with contextlib.suppress(StoreUnavailableError):  # "nothing" may be a key that is not there
                    assert await store.read(JOB) is None
            async with asyncio.timeout(5), contextlib.aclosing(store.subscribe(JOB)) as records:
                assert [record async for record in records] == []
        finally:
            await store.aclose()
