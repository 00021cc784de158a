"""A progress cache that no module of the application names: its port is all that is used (ARCHITECTURE.md)."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.failover import stores
from tests.support.records import NOW, a_record
from tests.support.reporting import reporting
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from tests.unit.test_http import health
from worker import metrics
from worker.application.operations.diagnosis import State, Verdict
from worker.application.operations.doctor import Subject
from worker.application.operations.store_watch import StoreWatch
from worker.application.operations.validation import judge_progress
from worker.application.progress.reader import Reader
from worker.bootstrap.checks import cache_check
from worker.events import Event
from worker.gateway.health import HealthRoutes

APPLICATION = Path(__file__).parents[3] / "worker" / "application"
# Words that are interfaces, by file: log events and their fields, the key and the value for the job
# table in the document of /health, metrics in CloudWatch, and the questions about them.
CONTRACT = {
    "dependencies.py": {"DYNAMODB_UNAVAILABLE", "DYNAMODB_AVAILABLE"},
    "diagnosis.py": {"redis", "REDIS_ADVICE"},  # the name of the only cache that there is advice for
    "guarded_cache.py": {"REDIS_DISABLED"},
    "health.py": {"redis", "redis_state"},
    "metric_lines.py": {"RedisUp", "RedisFailovers", "RedisOutageSeconds"},
    "outages.py": {"REDIS_CONNECTED", "REDIS_UNAVAILABLE"},
    "questions.py": {"redis", "Redis", "redis_state", "redis-outages", "dynamodb_calls"},
    "store_watch.py": {"REDIS_DISABLED", "DYNAMODB_UNAVAILABLE", "DYNAMODB_AVAILABLE"},
    "validation.py": {"redis", "dynamodb"},
}


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


async def test_the_gateway_the_doctor_and_validate_say_its_name() -> None:
    cache = AnotherCache()
    watch = StoreWatch(FakeJobTable(), cache, now=lambda: NOW)
    async with watched(watch) as health_of_gateway:
        await wait_until(lambda: watch.cache_state == "connected")
        document = await health_of_gateway()
        assert (document["progress_store"], document["progress_cache"]) == ("nats", "nats")
        assert judged(document) == Verdict(State.OK, "nats connected, progress goes to nats")

    cache.breaks("connection refused")
    async with watched(StoreWatch(FakeJobTable(), cache, now=lambda: NOW)) as health_of_gateway:
        await wait_until(lambda: cache.calls > 1)
        document = await health_of_gateway()
    detail = "nats unavailable, progress goes to dynamodb (connection refused)"
    advice = "check the server and the NATS_ settings"
    assert judged(document) == Verdict(State.DEGRADED, detail, advice)

    check = cache_check(cache)
    assert (check.name, check.subject) == ("nats", Subject("NATS_ENDPOINT", "nats:4222"))
    assert await check.run() == Verdict(State.DEGRADED, "connection refused", advice)


@asynccontextmanager
async def watched(watch: StoreWatch) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """What asks a gateway for its `/health`, while `watch` runs."""
    routes = HealthRoutes(watch, lambda: 0, None)

    async def health() -> Any:
        return json.loads(bytes((await routes.health(Request({"type": "http"}))).body))

    task = asyncio.create_task(watch.run())
    yield health
    task.cancel()
    await asyncio.wait([task])


def judged(document: Any) -> Verdict:
    return judge_progress(200, json.dumps(document).encode())


def test_the_worker_names_it_in_its_health() -> None:
    document = health(cache_name="nats", progress_store="nats").to_dict()
    assert judged(document) == Verdict(State.OK, "nats connected, progress goes to nats")


def test_the_application_names_no_store_but_where_the_contract_does() -> None:
    named = {path.name: words for path in APPLICATION.rglob("*.py") if (words := stores_named_in(path))}

    assert named == CONTRACT


def stores_named_in(path: Path) -> set[str]:
    """The words with the name of a store, without those of comments, docstrings and the advice for Redis."""
    found = strings_of(ast.parse(path.read_text(encoding="utf-8")))
    return {word for text in found for word in re.findall(r"(?i)[\w-]*(?:redis|dynamo)[\w-]*", text)}


def strings_of(node: ast.AST) -> Iterator[str]:
    """Each name and each string that the code below `node` uses."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assign(targets=[ast.Name(id="REDIS_ADVICE")]):
            return
    for _, value in ast.iter_fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield item
            elif isinstance(item, ast.AST):
                yield from strings_of(item)
