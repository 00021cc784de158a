"""Two workers, zombies, readers and a Redis that fails all the time: every read is kept, and checked afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from tests.support.events import logged_events
from tests.support.records import a_record
from tests.support.redis_faults import FAULTS, Site, a_site
from worker.adapters.dynamodb import DynamoLedger
from worker.application.failover import FailoverStore, Mode
from worker.application.reader import Reader
from worker.application.reporter import Reporter
from worker.domain.errors import LeaseLostError
from worker.domain.progress import OutputRecord, Record, Stage, newest
from worker.ports import Outcome, StoreUnavailableError

_SECONDS = 5.0
_JOBS = 6
_READERS = 3
# Faults after which Redis still has what it had acknowledged.
_KEEPING = ["frozen", "demoted", "out of memory", "no replicas", "writes paused"]


@dataclass
class History:
    """What was acknowledged and what was read, in loop time."""

    acknowledged: list[tuple[float, Record]] = field(default_factory=list)
    reads: dict[int, list[tuple[float, Record | None, bool]]] = field(default_factory=dict)  # by session

    def check(self, *, ticks_may_be_lost: bool) -> None:
        finals = {record.job_id: record for _, record in self.acknowledged if record.is_final}
        assert len(finals) == len({record for _, record in self.acknowledged if record.is_final})
        for session in self.reads.values():
            shown: dict[str, Record] = {}
            for began_at, record, is_fresh in session:
                if record is None:
                    continue
                before = shown.get(record.job_id)
                assert newest(before, record) == record, "a reader saw its job go back"
                shown[record.job_id] = record
                for at, known in self._known(record.job_id, before=began_at):
                    is_durable = known.is_final or known.version.seq == 1
                    if is_durable or (is_fresh and not ticks_may_be_lost):
                        assert newest(record, known) == record, f"missed what was known for {began_at - at:.3f} s"

    def _known(self, job_id: str, *, before: float) -> Sequence[tuple[float, Record]]:
        return [(at, record) for at, record in self.acknowledged if record.job_id == job_id and at < before]


class NotingStore(FailoverStore):
    """Keeps what was acknowledged."""

    history: History

    async def claim(self, record: Record, seen: Any) -> bool:
        return self._noted(record, Outcome.APPLIED if await super().claim(record, seen) else Outcome.STALE)

    async def tick(self, record: Record) -> Outcome:
        outcome = await super().tick(record)
        self._noted(record, outcome)
        return outcome

    async def commit(self, record: Record) -> Outcome:
        outcome = await super().commit(record)
        self._noted(record, outcome)
        return outcome

    def _noted(self, record: Record, outcome: Outcome) -> bool:
        if outcome is not Outcome.STALE:
            self.history.acknowledged.append((now(), record))
        return outcome is not Outcome.STALE


def now() -> float:
    return asyncio.get_running_loop().time()


def clock() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


async def attempts(store: FailoverStore, number: int, job_id: str, random: Random) -> None:
    """Take the job over and over, from whoever has it, until it is final."""
    for fence in range(1000 + number, 2000, 2):
        held = await store.read_durable(job_id)
        if held is not None and held.is_final:
            return
        claimed = a_record(
            fence, 1, job_id=job_id, percent=0.0, stage=Stage.DOWNLOADING, worker=f"worker-{number}", outputs=()
        )
        if held is not None and held.version >= claimed.version:
            continue
        with suppress(LeaseLostError, StoreUnavailableError):
            if await store.claim(claimed, None if held is None else held.version):
                await attempt(store, claimed, random)


async def attempt(store: FailoverStore, claimed: Record, random: Random) -> None:
    reporter = Reporter(store, claimed, now=clock, random=random.random, lease_seconds=3)
    running = asyncio.create_task(reporter.run())
    try:
        for percent in range(1, random.randint(5, 40)):
            reporter.update(Stage.CONVERTING, float(percent), None)
            await asyncio.sleep(0.1)
            if running.done():
                await running
        if random.random() < 0.5:
            await reporter.checkpoint()
            await reporter.complete((OutputRecord("s3://out/a.mp3", 1, 1.0, "0f"),))
        # Else the worker has died, as far as anybody can see.
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def keep_reading(reader: Reader, session: list[tuple[float, Record | None, bool]], random: Random) -> None:
    while True:
        began_at = now()
        reading = await reader.read(f"job-{random.randrange(_JOBS)}")
        session.append((began_at, reading.record, reading.fresh))
        await asyncio.sleep(random.uniform(0, 0.05))


async def keep_breaking(site: Site, names: Sequence[str], random: Random) -> None:
    while True:
        fault = FAULTS[random.choice(names)]
        await fault.begin(site)
        try:
            await asyncio.sleep(random.uniform(0.2, 1.5))
        finally:
            await asyncio.shield(fault.end(site))
        await asyncio.sleep(random.uniform(0.2, 1.0))


@pytest.mark.parametrize("mode", ["failover", "durable"])
@pytest.mark.parametrize("loses", [False, True], ids=["Redis keeps", "Redis loses"])
async def test_no_reader_ever_sees_what_is_not_so(
    mode: Mode, loses: bool, dynamodb_client: Any, unique: Callable[[str], str]
) -> None:
    table, random, history = unique("table"), Random(f"{mode} {loses}"), History()
    await dynamodb_client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ledger = DynamoLedger(dynamodb_client, table, now=clock, budget_seconds=20)  # DynamoDB is well, if slow here
    async with a_site() as site, asyncio.timeout(90):
        redis_stores = [site.store() for _ in range(2 + _READERS)]
        tasks: list[asyncio.Task[None]] = []
        with logged_events():
            for number in range(2):
                store = NotingStore(ledger, redis_stores[number], now=clock, mode=mode)
                store.history = history
                tasks.append(asyncio.create_task(store.run()))
                for job in range(_JOBS):
                    work = attempts(store, number, f"job-{job}", Random(f"{mode} {loses} {number} {job}"))
                    tasks.append(asyncio.create_task(work))
            for number in range(_READERS):
                reader = Reader(ledger, redis_stores[2 + number], ledger_seconds=20)
                reads = keep_reading(reader, history.reads.setdefault(number, []), Random(number))
                tasks.append(asyncio.create_task(reads))
            faults = [*_KEEPING, "killed"] if loses else _KEEPING
            tasks.append(asyncio.create_task(keep_breaking(site, faults, random)))
            await asyncio.sleep(_SECONDS)
            broken = [task for task in tasks if task.done() and task.exception() is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [task.exception() for task in broken] == []
        for each in redis_stores:
            await each.aclose()
    assert sum(len(session) for session in history.reads.values()) > 100
    assert len(history.acknowledged) > 10
    history.check(ticks_may_be_lost=loses and mode == "failover")
