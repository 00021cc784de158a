"""A Redis, or a proxy before it, that sends replies nobody asked for: none of them goes to another command."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import redis.asyncio

from tests.support.records import a_record
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.demo.servers import HOST, Server
from worker.ports import StoreUnavailableError, WriteResult

JOBS = ("job-1", "job-2", "job-3")

Reply = Callable[[str, str], list[str]]


def twice(job_id: str, _last: str) -> list[str]:
    return [job_id, job_id]


def the_last_one_first(job_id: str, last: str) -> list[str]:
    """The stray reply comes when the next command is under way, so that it could not be seen before."""
    return [last, job_id]


@asynccontextmanager
async def a_store(reply: Reply) -> AsyncIterator[RedisProgressCache]:
    """A cache at a server that sends the records of those jobs for a command about one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        last = "job-0"
        while data := await reader.read(4096):
            found = re.search(rb"audio:job:([a-z0-9-]+)", data)
            assert found is not None
            job_id = found[1].decode()
            for each in reply(job_id, last):
                record = a_record(job_id=each).to_json().encode()
                writer.write(b"$%d\r\n%b\r\n" % (len(record), record))
            last = job_id
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    store = RedisProgressCache(
        Endpoint(HOST, server.sockets[0].getsockname()[1]), connect_timeout=5, command_timeout=5
    )
    try:
        yield store
    finally:
        await store.aclose()
        server.close()
        await server.wait_closed()


async def test_a_reply_that_is_sent_twice_is_thrown_away_with_its_connection() -> None:
    async with a_store(twice) as store:
        for job_id in JOBS * 2:
            record = await store.read(job_id)

            assert record is not None
            assert record.job_id == job_id


async def test_a_stray_reply_that_comes_late_is_a_failure_and_not_the_record_of_another_job() -> None:
    async with a_store(the_last_one_first) as store:
        for job_id in JOBS * 2:
            with pytest.raises(StoreUnavailableError, match="unreadable record"):
                await store.read(job_id)


@asynccontextmanager
async def a_repeating_proxy(upstream_port: int) -> AsyncIterator[int]:
    """The port of a proxy that sends the last reply of a connection again, just before the next one."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, repeats: bool) -> None:
        last = b""
        while data := await reader.read(65536):
            writer.write(last + data)
            last = data if repeats else b""
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replies, orders = await asyncio.open_connection(HOST, upstream_port)
        await asyncio.gather(pump(reader, orders, repeats=False), pump(replies, writer, repeats=True))

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def test_the_reply_to_another_write_is_none_to_this_one(redis_server: Server) -> None:
    async with a_repeating_proxy(redis_server.port) as port:
        direct, store = (
            RedisProgressCache(Endpoint(HOST, each), prefix="again:", connect_timeout=5, command_timeout=5)
            for each in (redis_server.port, port)
        )
        try:
            await direct.write(a_record(1000, 1))  # from now on Redis knows the script
            assert await store.write(a_record(1000, 3)) is WriteResult.APPLIED

            with pytest.raises(StoreUnavailableError, match="reply to another command"):
                await store.write(a_record(1000, 2))

            assert await store.write(a_record(1000, 2)) is WriteResult.STALE, "over a new connection"
        finally:
            await store.aclose()
            await direct.aclose()


async def test_the_record_of_another_job_is_none_of_this_one(redis_server: Server) -> None:
    store = RedisProgressCache(
        Endpoint(HOST, redis_server.port), prefix="stray:", connect_timeout=5, command_timeout=5
    )
    async with redis.asyncio.Redis(port=redis_server.port) as client:
        await client.hset("stray:job:job-1", "record", a_record(job_id="job-2").to_json())
    try:
        with pytest.raises(StoreUnavailableError, match="unreadable record"):
            await store.read("job-1")
    finally:
        await store.aclose()
