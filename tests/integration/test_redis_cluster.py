"""A real cluster of two nodes: each key goes to its node, wherever that is, and a node that dies is an outage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

import pytest
import redis

from tests.fakes.stores import FakeJobTable
from tests.support.events import logged_events
from tests.support.records import a_record
from tests.support.waiting import wait_until
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.nodes import SLOTS, slot_of
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache
from worker.demo import servers
from worker.demo.servers import HOST, Server, free_port
from worker.domain.circuit import Severity
from worker.events import Event
from worker.ports import StoreUnavailableError, WriteResult

HALF = SLOTS // 2


def command(node: Server, *words: object) -> Any:
    with redis.Redis(HOST, node.port) as client:
        return client.execute_command(*words)


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[Server, Server]]:
    """The first node has the lower half of the slots."""
    with ExitStack() as stack:
        buses = free_port(), free_port()
        first, second = (
            stack.enter_context(
                servers.redis("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "2000")
            )
            for bus in buses
        )
        command(first, "CLUSTER", "ADDSLOTSRANGE", 0, HALF - 1)
        command(second, "CLUSTER", "ADDSLOTSRANGE", HALF, SLOTS - 1)
        command(first, "CLUSTER", "MEET", HOST, second.port, buses[1])
        deadline = monotonic() + 20
        while not all(b"cluster_state:ok" in command(node, "CLUSTER", "INFO") for node in (first, second)):
            assert monotonic() < deadline
            sleep(0.05)
        yield first, second


def job_on(node: int) -> str:
    """A job whose key is on the first (0) or the second (1) node."""
    return next(f"job-{n}" for n in range(1000) if slot_of(f"audio:job:job-{n}") // HALF == node)


def a_store(seed: Server, **arguments: Any) -> RedisProgressCache:
    return RedisProgressCache(Endpoint(HOST, seed.port), connect_timeout=2, command_timeout=2, **arguments)


def test_slots_are_those_of_the_server(cluster: tuple[Server, Server]) -> None:
    for key in ("audio:job:ep-1", "{audio}:job:x", "a{}b{c}", "{", "}{x}", "ü{ß}", ""):
        assert slot_of(key) == command(cluster[0], "CLUSTER", "KEYSLOT", key)


async def test_each_key_is_written_and_read_at_its_node(cluster: tuple[Server, Server]) -> None:
    store = a_store(cluster[0], is_cluster=True)
    try:
        for job_id in (job_on(0), job_on(1), *(f"many-{n}" for n in range(50))):
            for seq in (1, 2):
                assert await store.write(a_record(seq=seq, job_id=job_id)) is WriteResult.APPLIED
            assert await store.write(a_record(seq=1, job_id=job_id)) is WriteResult.STALE
            assert await store.read(job_id) == a_record(seq=2, job_id=job_id)
        await store.probe()
        assert all(command(node, "DBSIZE") > 10 for node in cluster)
    finally:
        await store.aclose()


async def test_a_watcher_gets_the_records_of_a_job_at_any_node(cluster: tuple[Server, Server]) -> None:
    store, watcher = (a_store(cluster[0], is_cluster=True) for _ in range(2))
    heard = []

    async def watch(job_id: str) -> None:
        async for record in watcher.subscribe(job_id):
            heard.append(record.version.seq)  # noqa: PERF401 - it never ends by itself

    tasks = [asyncio.create_task(watch(job_on(node))) for node in (0, 1)]
    try:
        for node in (0, 1):
            before, seq = len(heard), 100
            while len(heard) == before:
                seq += 1
                await store.write(a_record(seq=seq, job_id=job_on(node)))
                await asyncio.sleep(0.01)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await store.aclose()
        await watcher.aclose()


async def test_a_slot_on_its_way_is_found_at_both_ends(cluster: tuple[Server, Server]) -> None:
    first, second = cluster
    job_id = next(f"moving-{n}" for n in range(1000) if slot_of(f"audio:job:moving-{n}") < HALF)
    slot = slot_of(f"audio:job:{job_id}")
    names = [command(node, "CLUSTER", "MYID").decode() for node in cluster]
    store = a_store(first, is_cluster=True)
    try:
        command(second, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
        command(first, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
        assert await store.write(a_record(seq=1, job_id=job_id)) is WriteResult.APPLIED
        assert await store.write(a_record(seq=2, job_id=job_id)) is WriteResult.APPLIED
        for node in (second, first):
            command(node, "CLUSTER", "SETSLOT", slot, "NODE", names[1])
        assert await store.write(a_record(seq=3, job_id=job_id)) is WriteResult.APPLIED
        assert await store.read(job_id) == a_record(seq=3, job_id=job_id)
    finally:
        await store.aclose()


async def test_a_node_that_refuses_a_slot_on_its_way_gives_no_job_the_record_of_another(
    cluster: tuple[Server, Server],
) -> None:
    first, second = cluster
    moving = next(f"refused-{n}" for n in range(1000) if slot_of(f"audio:job:refused-{n}") < HALF)
    slot = slot_of(f"audio:job:{moving}")
    names = [command(node, "CLUSTER", "MYID").decode() for node in cluster]
    others = [job_id for n in range(1000) if slot_of(f"audio:job:{(job_id := f'other-{n}')}") >= HALF][:3]
    store = a_store(first, is_cluster=True)
    try:
        for job_id in others:
            await store.write(a_record(job_id=job_id))
        command(second, "ACL", "SETUSER", "default", "-asking")
        command(second, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
        command(first, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])

        with pytest.raises(StoreUnavailableError, match="permission denied"):
            await store.read(moving)

        assert [await store.read(job_id) for job_id in others] == [a_record(job_id=job_id) for job_id in others]
    finally:
        for node in cluster:
            command(node, "CLUSTER", "SETSLOT", slot, "STABLE")
        command(second, "ACL", "SETUSER", "default", "+asking")
        await store.aclose()


async def test_without_the_setting_a_cluster_is_named_as_one(cluster: tuple[Server, Server]) -> None:
    store = a_store(cluster[0])
    try:
        with pytest.raises(StoreUnavailableError, match="cluster mode") as caught:
            await store.write(a_record(job_id=job_on(1)))
        assert caught.value.severity is Severity.HARD
    finally:
        await store.aclose()


async def test_a_node_that_dies_is_an_outage_until_it_is_back(cluster: tuple[Server, Server]) -> None:
    first, second = cluster
    redis_store = RedisProgressCache(Endpoint(HOST, first.port), is_cluster=True)
    store = FailoverStore(FakeJobTable(), GuardedCache(redis_store, now=lambda: datetime.now(UTC)))
    with logged_events() as log:
        running = asyncio.create_task(store.run())
        try:
            await wait_until(lambda: store.cache_state == "connected")
            assert await store.tick(a_record(9000, 1, job_id=job_on(1))) is WriteResult.APPLIED
            second.kill()
            for seq in (2, 3, 4):
                await store.tick(a_record(9000, seq, job_id=job_on(1)))
            assert store.cache_state == "unavailable"
            await wait_until(lambda: redis_store._probes_made >= 3)  # of the node that failed, not of the other
            assert store.cache_state == "unavailable"
            await asyncio.to_thread(second.start)
            await wait_until(lambda: store.outage is None, timeout=20)
            assert await redis_store.read(job_on(1)) == a_record(9000, 4, job_id=job_on(1))
            assert len(log.of(Event.PROGRESS_FAILED_OVER)) == len(log.of(Event.PROGRESS_FAILED_BACK)) == 1
        finally:
            running.cancel()
            await asyncio.wait([running])
            await redis_store.aclose()
