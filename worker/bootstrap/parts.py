"""What the worker and the commands have in common: clients, stores, the converter, the clock."""

from __future__ import annotations

import math
import ssl
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import aioboto3
import imageio_ffmpeg

from worker.adapters import elasticache
from worker.adapters.aws import client as aws
from worker.adapters.aws.client import ClientLimits
from worker.adapters.dynamodb import job_table as dynamodb
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.ports import JobTable, ProgressCache
from worker.settings import RedisSettings, Settings


def utc_now() -> datetime:
    """The wall clock, to the millisecond that records show."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Clients:
    """AWS clients on one session, closed with the stack."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._session = aioboto3.Session()
        self._region = settings.region
        self._stack = stack

    async def open(self, service: str, limits: ClientLimits) -> Any:
        return await self._stack.enter_async_context(
            aws.open_client(self._session, service, limits, region=self._region)
        )


def s3_limits(settings: Settings, *, jobs: int) -> ClientLimits:
    """For so many jobs at once: each has one download, or one upload with two parts in flight."""
    return ClientLimits(
        connect_seconds=3,
        read_seconds=30,
        attempts=4,
        connections=2 * jobs + 4,
        path_style=settings.has_own_s3_endpoint,  # an endpoint that is not AWS has no wildcard name for buckets
    )


async def open_stores(
    settings: Settings, clients: Clients, stack: AsyncExitStack
) -> tuple[JobTable, ProgressCache | None]:
    table: JobTable = DynamoJobTable(await clients.open("dynamodb", dynamodb.LIMITS), settings.table, now=utc_now)
    return table, await open_redis(settings, stack)


async def open_redis(settings: Settings, stack: AsyncExitStack) -> ProgressCache | None:
    redis = settings.redis_or_none
    if redis is None or redis.endpoint is None:
        return None
    endpoint = Endpoint(
        redis.endpoint,
        redis.port,
        tls=cache(ssl.create_default_context) if redis.tls else None,
        username=redis.username.get_secret_value() if redis.username else None,
        password=redis.password.get_secret_value() if redis.password else None,
        token=_iam_token(redis, settings.region),
        max_age_seconds=elasticache.CONNECTION_SECONDS if redis.iam_auth else math.inf,
    )
    store = RedisProgressCache(
        endpoint,
        is_cluster=redis.cluster,
        prefix=settings.redis_prefix,
        connect_timeout=redis.connect_timeout_seconds,
        command_timeout=redis.command_timeout_seconds,
    )
    stack.push_async_callback(store.aclose)
    return store


def _iam_token(redis: RedisSettings, region: str | None) -> elasticache.IamToken | None:
    if not redis.iam_auth or redis.iam_cache is None or redis.username is None or region is None:
        return None  # the settings refuse all but the first
    return elasticache.IamToken(
        redis.iam_cache.name,
        redis.username.get_secret_value(),
        region=region,
        is_serverless=redis.iam_cache.is_serverless,
    )


def redis_name(settings: Settings) -> str:
    return f"{settings.redis.endpoint}:{settings.redis.port}"


def ffmpeg_of(settings: Settings) -> Path:
    return settings.ffmpeg or Path(imageio_ffmpeg.get_ffmpeg_exe())
