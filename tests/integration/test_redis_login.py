"""Redis behind a login that changes: the token is asked for with each connection."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.records import a_record
from tests.support.redis_faults import PASSWORD, a_breakable_redis
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.demo.servers import HOST
from worker.ports import StoreUnavailableError, WriteResult


async def test_each_connection_logs_in_with_the_token_of_its_time_and_is_not_used_for_ever() -> None:
    async with a_breakable_redis() as breakable:
        given: list[str] = []

        async def token() -> str:
            given.append(PASSWORD)
            return PASSWORD

        endpoint = Endpoint(HOST, breakable.server.port, token=token, max_age_seconds=0.2)
        store = RedisProgressCache(endpoint, resolve=breakable.resolver, connect_timeout=2, command_timeout=2)
        try:
            seq = 0
            while len(given) < 3:
                seq += 1
                assert await store.write(a_record(seq=seq)) is WriteResult.APPLIED
                await asyncio.sleep(0.01)
            assert seq > 3  # a connection serves more than once
        finally:
            await store.aclose()


async def test_without_a_token_redis_is_unavailable() -> None:
    async def token() -> str:
        raise StoreUnavailableError("no AWS credentials to log in with")

    store = RedisProgressCache(Endpoint(HOST, 1, token=token), resolve=lambda _host, _port: [HOST])
    with pytest.raises(StoreUnavailableError, match="no AWS credentials"):
        await store.write(a_record())
    await store.aclose()
