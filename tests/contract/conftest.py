"""The stores on which suites run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.objects import MemoryObjects
from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.aws import a_bucket
from tests.support.object_stores import MemorySide, S3Side, Subject
from worker.adapters.aws.client import ClientLimits, open_client
from worker.adapters.dynamodb.budgets import Budgets
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.adapters.s3.store import S3Store
from worker.demo.servers import HOST, Server
from worker.ports import JobTable, ProgressStore

_S3_LIMITS = ClientLimits(connect_seconds=2, read_seconds=20, attempts=2, connections=10)
_MIB = 1 << 20


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


@pytest.fixture(params=["memory", "s3"])
async def subject(request: pytest.FixtureRequest, unique: Callable[[str], str]) -> AsyncIterator[Subject]:
    bucket, absent = unique("bucket"), unique("absent")
    if request.param == "memory":
        objects = MemoryObjects(bucket)
        yield Subject(objects, MemorySide(objects), bucket, absent)
        return
    async with open_client(request.getfixturevalue("aws_session"), "s3", _S3_LIMITS) as client:
        await client.create_bucket(**a_bucket(bucket))
        store = S3Store(client, part_bytes=5 * _MIB, multipart_threshold=6 * _MIB)
        yield Subject(store, S3Side(client), bucket, absent)
