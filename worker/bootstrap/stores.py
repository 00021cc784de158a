"""The stores of progress: the job table, and the cache that the settings name, if they name one."""

from __future__ import annotations

import functools
import math
import ssl
from contextlib import AsyncExitStack

from worker.adapters import elasticache
from worker.adapters.dynamodb import job_table as dynamodb
from worker.adapters.dynamodb.budgets import Budgets
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.bootstrap.parts import Clients, utc_now
from worker.ports import JobTable, ProgressCache
from worker.settings import RedisSettings, Settings


async def open_stores(
    settings: Settings, clients: Clients, stack: AsyncExitStack
) -> tuple[JobTable, ProgressCache | None]:
    table: JobTable = DynamoJobTable(
        await clients.open("dynamodb", dynamodb.LIMITS),
        settings.table,
        now=utc_now,
        budgets=Budgets.within(settings.visibility_timeout_seconds),
    )
    return table, open_cache(settings, stack)


def open_cache(settings: Settings, stack: AsyncExitStack) -> ProgressCache | None:
    """The cache of the first settings group that names one. None: progress goes to the job table only."""
    return _open_redis(settings, stack)


def _open_redis(settings: Settings, stack: AsyncExitStack) -> ProgressCache | None:
    redis = settings.redis_or_none
    if redis is None or redis.endpoint is None:
        return None
    endpoint = Endpoint(
        redis.endpoint,
        redis.port,
        tls=functools.cache(ssl.create_default_context) if redis.tls else None,
        username=redis.username.get_secret_value() if redis.username else None,
        password=redis.password.get_secret_value() if redis.password else None,
        token=_iam_token(redis, settings.region),
        max_age_seconds=elasticache.CONNECTION_SECONDS if redis.iam_auth else math.inf,
    )
    cache = RedisProgressCache(
        endpoint,
        is_cluster=redis.cluster,
        prefix=settings.redis_prefix,
        connect_timeout=redis.connect_timeout_seconds,
        command_timeout=redis.command_timeout_seconds,
    )
    stack.push_async_callback(cache.aclose)
    return cache


def _iam_token(redis: RedisSettings, region: str | None) -> elasticache.IamToken | None:
    if not redis.iam_auth or redis.iam_cache is None or redis.username is None or region is None:
        return None  # the settings refuse all but the first
    return elasticache.IamToken(
        redis.iam_cache.name,
        redis.username.get_secret_value(),
        region=region,
        is_serverless=redis.iam_cache.is_serverless,
    )
