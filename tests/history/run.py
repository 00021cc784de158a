"""Minutes of writes, reads and faults: `python -m tests.history.run --minutes 5` (`make history MINUTES=...`)."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import aioboto3

from tests.conftest import LIMITS
from tests.history.actors import AskedJobTable, FaultInjector, RecordingStore, Viewer, Writer
from tests.history.recorder import History
from tests.simulation.core.checker import ViolationError
from tests.support.aws import a_table, aws_environment
from tests.support.events import logged_events
from tests.support.redis_faults import BreakableRedis, a_breakable_redis
from tests.support.waiting import wait_until
from worker.adapters.aws.client import open_client
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.application.progress.guarded_cache import Mode
from worker.bootstrap.parts import utc_now
from worker.demo import servers
from worker.events import Event

_BACK_SECONDS = 20.0  # a bound for a machine under load; the five that are promised are tested in tests/system
_JOBS_AT_ONCE = 3
_LAG_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened in a run whose history was checked."""

    history: History
    outages: int
    failed_over: int
    failed_back: int
    worst_lag_seconds: float

    def __str__(self) -> str:
        counts = self.history.counts()
        longest = ", ".join(f"{what} {seconds:.3f} s" for what, seconds in sorted(self.history.longest.items()))
        return (
            f"{counts['acknowledged']} writes and {counts['claim_acknowledged']} claims acknowledged,"
            f" {counts['read_ends']} reads, {counts['shown']} records shown, {counts['fault']} faults and their ends,"
            f" {self.outages} outages, {self.failed_over} failovers and {self.failed_back} failbacks\n"
            f"longest: {longest}; worst lag of the loop {self.worst_lag_seconds:.3f} s"
        )


async def make_history(client: Any, table: str, *, seconds: float, seed: int, mode: Mode) -> Outcome:
    """Play for so long on a new table. Raises ViolationError."""
    rng = random.Random(seed)
    history, lag = History(began_at=asyncio.get_running_loop().time()), LoopLag()
    with logged_events() as log:
        async with AsyncExitStack() as stack:
            breakable = await stack.enter_async_context(a_breakable_redis())
            await breakable.proxy.start()
            stack.push_async_callback(_ended, [asyncio.create_task(lag.run())])
            writers, viewers = _make_actors(breakable, client, table, history, rng, stack, mode)
            await _play(writers, viewers, FaultInjector(breakable, history, rng), until=history.began_at + seconds)
    history.check()
    return Outcome(
        history,
        outages=sum(writer.store.outages for writer in writers),
        failed_over=len(log.of(Event.PROGRESS_FAILED_OVER)),
        failed_back=len(log.of(Event.PROGRESS_FAILED_BACK)),
        worst_lag_seconds=lag.worst_lag_seconds,
    )


def _make_actors(
    breakable: BreakableRedis,
    client: Any,
    table: str,
    history: History,
    rng: random.Random,
    stack: AsyncExitStack,
    mode: Mode,
) -> tuple[list[Writer], list[Viewer]]:
    """Two writers and three viewers; every other one reaches Redis through the proxy."""

    def a_redis(number: int) -> Any:
        store = breakable.store(proxied=number % 2 == 1)
        stack.push_async_callback(store.aclose)
        return store

    def a_store(number: int) -> RecordingStore:
        return RecordingStore(history, DynamoJobTable(client, table, now=utc_now), a_redis(number), mode=mode)

    writers = [Writer(f"w{number}", history, a_store(number), rng) for number in range(2)]
    viewers = [
        Viewer(f"r{number}", history, AskedJobTable(client, table, now=utc_now), a_redis(number), rng)
        for number in range(3)
    ]
    return writers, viewers


async def _play(writers: list[Writer], viewers: list[Viewer], injector: FaultInjector, *, until: float) -> None:
    """Write, read and inject faults until that time; then let everything end, and read every job once more."""
    probing = [asyncio.create_task(writer.store.run()) for writer in writers]
    looking = [asyncio.create_task(viewer.read_on(writers)) for viewer in viewers[:2]]
    looking.append(asyncio.create_task(viewers[2].watch_on(writers)))
    pairs = [writers, writers[::-1]]
    writing = [asyncio.create_task(one.run(other)) for one, other in pairs for _ in range(_JOBS_AT_ONCE)]
    try:
        await injector.run_until(until)
        for writer in writers:
            writer.is_stopping = True
        await asyncio.gather(*writing)
        await wait_until(lambda: all(_is_back(writer) for writer in writers), timeout=_BACK_SECONDS)
        await _ended(looking)
        for viewer in viewers:
            for job_id in [job_id for writer in writers for job_id in writer.jobs]:
                await viewer.read(job_id)
    finally:
        await _ended([*writing, *looking, *probing])


class LoopLag:
    """Measures how late the loop runs callbacks on this machine, which is added to the bound of a call."""

    worst_lag_seconds = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_SECONDS
            await asyncio.sleep(_LAG_SECONDS)
            self.worst_lag_seconds = max(self.worst_lag_seconds, loop.time() - due)


def _is_back(writer: Writer) -> bool:
    return writer.store.cache_state == "connected" and writer.store.outage is None


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel the tasks, and raise what one of them raised."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def _main(seconds: float, seed: int, mode: Mode) -> Outcome:
    async with open_client(aioboto3.Session(), "dynamodb", LIMITS) as client:
        await client.create_table(**a_table("history"))
        return await make_history(client, "history", seconds=seconds, seed=seed, mode=mode)


def main() -> int:
    parser = argparse.ArgumentParser(description="Record minutes of faults, and check what readers saw.")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--mode", choices=["failover", "durable"], default="failover")
    options = parser.parse_args()
    with servers.aws() as server:
        os.environ.update(aws_environment(f"http://{servers.HOST}:{server.port}"))
        try:
            outcome = asyncio.run(_main(60 * options.minutes, options.seed, options.mode))
        except ViolationError as violation:
            sys.stdout.write(f"seed {options.seed}: {violation}\n")
            return 1
    sys.stdout.write(f"seed {options.seed}, {outcome}\nno invariant broken\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
