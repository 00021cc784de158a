"""How long the gateway waits for a client, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.gateway_connection import Connection, connected, send_answer
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until

KEEP_ALIVE_SECONDS = 75
REQUEST_SECONDS = 10
ANSWER_SECONDS = 60
GET = b"GET /jobs HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
LARGE = bytes(2_000_000)  # more than the system keeps for a client that does not read
HOURS = 4 * 3600


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send_answer(send, 401)


async def send_much(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send_answer(send, 200, LARGE)


async def seconds_to_end(client: Connection) -> float:
    """How long it takes until the server closes the connection, with nothing more to read."""
    began_at = now()
    with suppress(ConnectionError):  # it still sends
        assert await client.reader.read() == b""
    return now() - began_at


@asynccontextmanager
async def sending_for_ever(client: Connection) -> AsyncIterator[None]:
    """Meanwhile the client sends a byte every second."""

    async def send() -> None:
        while True:
            client.writer.write(b"x")
            await asyncio.sleep(1)

    task = asyncio.create_task(send())
    yield
    task.cancel()


@virtual_time
@pytest.mark.parametrize("begun", [b"", GET[:1], GET[:-2]])
async def test_a_client_has_one_deadline_for_the_whole_head_of_its_request(begun: bytes) -> None:
    async with connected(refuse) as client:
        client.writer.write(begun)

        assert await seconds_to_end(client) == pytest.approx(REQUEST_SECONDS)


@virtual_time
async def test_a_client_that_sends_its_request_for_ever_byte_by_byte_is_disconnected() -> None:
    async with connected(refuse) as client:
        client.writer.write(GET[:-2] + b"X-Long: ")
        async with sending_for_ever(client):
            assert await seconds_to_end(client) == pytest.approx(REQUEST_SECONDS)


@virtual_time
async def test_each_further_request_has_the_full_time_from_its_first_byte() -> None:
    async with connected(refuse) as client:
        for _ in range(10):
            client.writer.write(GET[:-2])
            await asyncio.sleep(REQUEST_SECONDS - 1)
            client.writer.write(GET[-2:])
            await client.answer()
            await asyncio.sleep(KEEP_ALIVE_SECONDS - 1)
        client.writer.write(GET[:-2])

        assert await seconds_to_end(client) == pytest.approx(REQUEST_SECONDS)


@virtual_time
async def test_a_client_that_has_its_answer_has_one_deadline_for_the_rest_of_the_body() -> None:
    async with connected(refuse) as client:
        client.writer.write(POST)
        await client.answer()
        async with sending_for_ever(client):
            assert await seconds_to_end(client) == pytest.approx(REQUEST_SECONDS)


@virtual_time
async def test_where_the_rest_of_the_body_comes_in_time_the_connection_is_as_idle_as_any() -> None:
    async with connected(refuse) as client:
        client.writer.write(POST)
        await client.answer()
        await asyncio.sleep(REQUEST_SECONDS - 1)
        client.writer.write(bytes(1000))
        await asyncio.sleep(KEEP_ALIVE_SECONDS - 1)
        client.writer.write(GET)
        await client.answer()
        client.writer.write(POST)
        await client.answer()
        client.writer.write(bytes(1000))

        assert await seconds_to_end(client) == pytest.approx(KEEP_ALIVE_SECONDS)


@virtual_time
@pytest.mark.parametrize("requests", [GET, GET[:-2] + b"Connection: close\r\n\r\n", GET * 50])
async def test_a_client_that_takes_nothing_of_its_answer_is_disconnected(requests: bytes) -> None:
    began_at = now()

    async with connected(send_much) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(requests)
        await wait_until(lambda: not client.served)

    assert now() - began_at == pytest.approx(ANSWER_SECONDS, abs=1)


@virtual_time
async def test_a_client_that_takes_its_answer_slowly_gets_all_of_it() -> None:
    began_at = now()
    taken = bytearray()

    async with connected(send_much) as client:
        client.writer.write(GET[:-2] + b"Connection: close\r\n\r\n")
        while part := await client.reader.read(10_000):
            taken += part
            await asyncio.sleep(1)

    assert taken.endswith(b"\r\n\r\n" + LARGE)
    assert now() - began_at > 2 * ANSWER_SECONDS


@virtual_time
async def test_a_stream_of_hours_is_not_ended() -> None:
    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(HOURS // 15):
            await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
            await asyncio.sleep(15)
        await send({"type": "http.response.body", "body": b"data: the last\n\n"})

    async with connected(stream) as client:
        client.writer.write(GET)
        await client.reader.readuntil(b"data: the last")


@virtual_time
async def test_a_slow_answer_and_a_body_that_is_still_read_have_no_deadline_here() -> None:
    async def read(_scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        await asyncio.sleep(HOURS)
        await send_answer(send, 200)

    async with connected(read) as client:
        client.writer.write(POST)
        for _ in range(1000):
            await asyncio.sleep(REQUEST_SECONDS - 1)
            client.writer.write(b"x")
        answer = await client.answer()

    assert answer.startswith(b"HTTP/1.1 200 ")


@virtual_time
@pytest.mark.parametrize(("requests", "seconds"), [(b"", REQUEST_SECONDS), (GET, KEEP_ALIVE_SECONDS)])
async def test_empty_lines_keep_no_connection_open(requests: bytes, seconds: float) -> None:
    async with connected(refuse) as client:
        if requests:
            client.writer.write(requests)
            await client.answer()
        ending = asyncio.create_task(seconds_to_end(client))
        while not ending.done():
            client.writer.write(b"\r\n")
            await asyncio.sleep(0.9)

        assert ending.result() == pytest.approx(seconds)
