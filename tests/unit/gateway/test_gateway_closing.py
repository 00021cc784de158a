"""A client that wants its connection closed has its answer, also where it still sends the body, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.gateway_connection import connected, send_answer
from tests.support.virtual_time import now, virtual_time
from worker.gateway.closing import ReadToTheEnd

BODY = bytes(4_000_000)  # more than the system keeps for a server that does not read
REQUESTS = {
    "close": b"POST /jobs HTTP/1.1\r\nHost: x\r\nConnection: Close\r\nContent-Length: 4000000\r\n\r\n",
    "HTTP/1.0": b"POST /jobs HTTP/1.0\r\nContent-Length: 4000000\r\n\r\n",
}
CHUNKED = b"POST /jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send_answer(send, 413, b"too large")


async def refuse_the_second_part(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send_answer(send, 413, b"too large")


async def take(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send_answer(send, 200)


async def refuse_and_close(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b""})


@virtual_time
@pytest.mark.parametrize("request_head", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("app", [refuse, refuse_the_second_part])
async def test_all_of_the_body_is_read_before_the_connection_is_closed(app: object, request_head: bytes) -> None:
    async with connected(ReadToTheEnd(app)) as client:  # type: ignore[arg-type]
        client.writer.write(request_head + BODY)
        await client.writer.drain()

        assert (await client.answer()).endswith(b"too large")
        assert await client.reader.read() == b""


@virtual_time
async def test_the_answer_comes_before_the_body_and_a_body_in_chunks_ends_the_connection() -> None:
    async with connected(ReadToTheEnd(refuse)) as client:
        client.writer.write(CHUNKED)
        assert (await client.answer()).endswith(b"too large")
        await asyncio.sleep(5)
        client.writer.write(b"1\r\nx\r\n0\r\n\r\n")
        began_at = now()

        assert await client.reader.read() == b""
        assert now() == pytest.approx(began_at)


@virtual_time
async def test_a_body_that_does_not_end_is_read_for_ten_seconds() -> None:
    async with connected(ReadToTheEnd(refuse)) as client:
        client.writer.write(REQUESTS["close"])
        await client.answer()
        began_at = now()

        assert await client.reader.read() == b""
        assert now() - began_at == pytest.approx(10)


@virtual_time
@pytest.mark.parametrize("drains_after", [0, 2])
async def test_in_the_drain_a_body_is_read_for_less_than_five_seconds(drains_after: float) -> None:
    app = ReadToTheEnd(refuse)
    if not drains_after:
        app.drain()
    began_at = now()
    async with connected(app) as client:
        client.writer.write(REQUESTS["close"])
        await client.answer()
        await asyncio.sleep(drains_after)
        app.drain()

        assert await client.reader.read() == b""
        assert now() - began_at == pytest.approx(drains_after + 4.5)


@virtual_time
async def test_a_body_that_the_application_has_read_is_not_waited_for() -> None:
    async with connected(ReadToTheEnd(take)) as client:
        began_at = now()
        client.writer.write(CHUNKED + b"1\r\nx\r\n0\r\n\r\n")
        await client.answer()

        assert await client.reader.read() == b""
        assert now() == pytest.approx(began_at)


@virtual_time
async def test_where_the_application_wants_the_connection_closed_it_is_closed_at_once() -> None:
    async with connected(ReadToTheEnd(refuse_and_close)) as client:
        began_at = now()
        client.writer.write(REQUESTS["close"])
        await client.reader.readuntil(b"\r\n\r\n")
        await client.reader.read()

        assert now() == pytest.approx(began_at)
