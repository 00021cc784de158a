"""The progress stores on which suites run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from worker.adapters.dynamodb.budgets import Budgets
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.demo.servers import HOST, Server
from worker.ports import JobTable, ProgressStore


@pytest.fixture
async def dynamo_job_table(dynamodb_client: Any, table: str) -> DynamoJobTable:
    return DynamoJobTable(dynamodb_client, table, now=lambda: datetime.now(UTC), budgets=Budgets(20, 20))


@pytest.fixture(params=["fake", "dynamodb"])
def job_table(request: pytest.FixtureRequest) -> JobTable:
    found: JobTable = FakeJobTable() if request.param == "fake" else request.getfixturevalue("dynamo_job_table")
    return found


@pytest.fixture
async def redis_store(redis_server: Server, unique: Callable[[str], str]) -> AsyncIterator[RedisProgressCache]:
    store = RedisProgressCache(
        Endpoint(HOST, redis_server.port), prefix=unique("p") + ":", connect_timeout=5, command_timeout=5
    )
    yield store
    await store.aclose()


@pytest.fixture(params=["fake_cache", "fake_job_table", "redis_store", "dynamo_job_table"])
def store(request: pytest.FixtureRequest) -> ProgressStore:
    if request.param == "fake_cache":
        return FakeProgressCache()
    if request.param == "fake_job_table":
        return FakeJobTable()
    found: ProgressStore = request.getfixturevalue(request.param)
    return found
