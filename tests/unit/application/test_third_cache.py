"""A progress cache that no module of the application names: its port is all that is used (ARCHITECTURE.md)."""

from __future__ import annotations

import re
import tokenize
from pathlib import Path

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.failover import stores
from tests.support.records import a_record
from tests.support.reporting import reporting
from tests.support.virtual_time import virtual_time
from worker import metrics
from worker.application.progress.reader import Reader
from worker.events import Event

APPLICATION = Path(__file__).parents[3] / "worker" / "application"
# Names that are interfaces: log events, the key in the document of /health, and metrics in CloudWatch.
CONTRACT = {
    *("REDIS_DISABLED", "REDIS_CONNECTED", "REDIS_UNAVAILABLE", '"redis"', '"redis_state"'),
    *("DYNAMODB_UNAVAILABLE", "DYNAMODB_AVAILABLE"),
    *('"RedisUp"', '"RedisFailovers"', '"RedisOutageSeconds"'),
}
# Advice, checks and questions for the operator name each dependency.
ADVICE = {APPLICATION / "operations" / name for name in ("diagnosis.py", "validation.py", "questions.py")}


class AnotherCache(FakeProgressCache):
    name = "nats"
    endpoint = "nats:4222"
    tick_seconds = 0.1


@virtual_time
async def test_a_cache_of_another_name_takes_the_ticks_at_its_own_interval() -> None:
    async with stores(redis=AnotherCache()) as it:
        assert (it.store.progress_store, it.store.tick_seconds) == ("nats", 0.1)
        await it.trip()
        assert (it.store.progress_store, it.store.tick_seconds) == (FakeJobTable.name, FakeJobTable.tick_seconds)


@virtual_time
async def test_the_reporter_writes_as_often_as_the_cache_asks_for() -> None:
    async with stores(redis=AnotherCache()) as it, reporting(it) as job:
        await job.work(10)
        assert 90 <= len(it.redis.writes) <= 102


@virtual_time
async def test_an_outage_of_another_cache_is_announced_with_its_endpoint() -> None:
    async with stores(redis=AnotherCache()) as it:
        await it.trip()
        it.redis.works()
        await it.until_back()
        assert it.log.one(Event.REDIS_UNAVAILABLE)["endpoint"] == "nats:4222"
        assert it.logged() == [1, 1, 1]


@virtual_time
async def test_the_writes_to_another_cache_are_counted_under_its_name() -> None:
    labels = {"store": "nats", "outcome": "applied"}
    before = metrics.REGISTRY.get_sample_value("worker_progress_writes_total", labels) or 0
    async with stores(redis=AnotherCache()) as it:
        await it.store.tick(a_record(seq=1))
    assert metrics.REGISTRY.get_sample_value("worker_progress_writes_total", labels) == before + 1


@virtual_time
async def test_readers_see_what_another_cache_holds() -> None:
    async with stores(redis=AnotherCache()) as it:
        await it.store.write_if_unchanged(a_record(seq=1), None)
        await it.store.tick(a_record(seq=2))
        reading = await Reader(it.table, it.redis).read("ep-0142")
        assert (reading.record, reading.fresh) == (a_record(seq=2), True)


def test_the_application_names_no_store_but_where_the_contract_does() -> None:
    named = {
        token.string
        for path in APPLICATION.rglob("*.py")
        if path not in ADVICE
        for token in tokens_of(path)
        if re.search("redis|dynamo", token.string, re.IGNORECASE)
    }

    assert named == CONTRACT


def tokens_of(path: Path) -> list[tokenize.TokenInfo]:
    """The names and the strings of a module, without its docstrings."""
    with path.open("rb") as file:
        found = list(tokenize.tokenize(file.readline))
    return [
        token
        for token in found
        if token.type == tokenize.NAME or (token.type == tokenize.STRING and not token.string.startswith('"""'))
    ]
