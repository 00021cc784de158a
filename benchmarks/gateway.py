"""How much a gateway needs for many open streams, and how soon they show a change: `make bench-serve`.

One `worker serve` on an emulated AWS and a real Redis. Many clients follow few jobs, then each gets a newer record.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import redis

from tests.support.aws import aws_environment
from tests.support.gateway import GatewayClient, GatewayProcess, SeenEvent
from tests.support.records import a_record
from tests.support.stack import Stack, aws_clients, make_stack
from worker.demo import servers
from worker.domain.progress import Record

_OPENING_AT_ONCE = 50
_SECONDS = 120


def _memory_mib(pid: int) -> float:
    """The resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _announce(connection: redis.Redis, record: Record) -> None:
    name = f"audio:job:{record.job_id}"
    fields: dict[Any, Any] = {
        "fence": record.version.fence,
        "seq": record.version.seq,
        "status": record.status.value,
        "run": 1,
    }
    connection.hset(name, mapping={**fields, "record": record.to_json()})
    connection.publish(name, record.to_json())


class _Stream:
    """One client that follows a job."""

    def __init__(self, client: GatewayClient, job_id: str) -> None:
        self._client = client
        self._job_id = job_id
        self.shown_at: float | None = None

    async def open(self, stack: AsyncExitStack, slots: asyncio.Semaphore) -> None:
        async with slots:
            self._events = await stack.enter_async_context(self._client.events(self._job_id))
            await anext(self._events)

    async def next(self) -> None:
        event: SeenEvent = await anext(self._events)
        assert event.record["status"] == "running"
        self.shown_at = time.monotonic()


async def _measure(stack: Stack, gateway: GatewayProcess, streams: int, jobs: int) -> None:
    before = _memory_mib(gateway.process.pid)
    async with asyncio.timeout(_SECONDS), gateway.client() as client, AsyncExitStack() as opened:
        ids = [f"job-{number}" for number in range(jobs)]
        for job_id in ids:
            await client.submit(stack, job_id)
        followers = [_Stream(client, ids[number % jobs]) for number in range(streams)]
        slots = asyncio.Semaphore(_OPENING_AT_ONCE)
        began_at = time.monotonic()
        for first in followers[:jobs]:  # one by one: each has the gateway ask the emulator, which is slow
            await first.open(opened, slots)
        await asyncio.gather(*(follower.open(opened, slots) for follower in followers[jobs:]))
        opening_seconds = time.monotonic() - began_at
        after = _memory_mib(gateway.process.pid)
        told_at = time.monotonic()
        with redis.Redis(port=stack.redis_port or 0) as connection:
            for job_id in ids:
                _announce(connection, a_record(7, 1, job_id=job_id))
        await asyncio.gather(*(follower.next() for follower in followers))
        health = await client.get("/health")
    _report(streams, jobs, opening_seconds, (before, after), _delays(followers, told_at), health.seconds)


def _delays(followers: Sequence[_Stream], told_at: float) -> list[float]:
    return sorted(follower.shown_at - told_at for follower in followers if follower.shown_at is not None)


def _report(
    streams: int,
    jobs: int,
    opening_seconds: float,
    memory: tuple[float, float],
    delays: Sequence[float],
    health: float,
) -> None:
    before, after = memory
    print(f"{streams} streams of {jobs} jobs")
    print(f"  opened in {opening_seconds:.1f} s, {streams / opening_seconds:.0f} a second")
    print(f"  memory {before:.0f} MiB before, {after:.0f} MiB then: {(after - before) * 1024 / streams:.1f} KiB each")
    print(f"  a newer record was shown after {delays[len(delays) // 2]:.2f} s (median), {delays[-1]:.2f} s (last)")
    print(f"  /health answered in {health * 1000:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=20)
    options = parser.parse_args()
    with ExitStack() as opened:
        aws_server = opened.enter_context(servers.aws())
        redis_server = opened.enter_context(servers.redis())
        endpoint = f"http://{servers.HOST}:{aws_server.port}"
        os.environ.update(aws_environment(endpoint))  # before any client is made
        clients = opened.enter_context(aws_clients(endpoint))
        stack = make_stack(clients, "bench", endpoint=endpoint, redis_port=redis_server.port)
        limit = {"WORKER_SERVE_REQUESTS_PER_SECOND": "100000", "WORKER_SERVE_MAX_STREAMS": str(options.streams)}
        gateway = opened.enter_context(GatewayProcess(stack, **limit))
        asyncio.run(_measure(stack, gateway, options.streams, options.jobs))


if __name__ == "__main__":
    main()
