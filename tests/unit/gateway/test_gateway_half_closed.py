"""Clients that close their side of the connection once they have sent their request, as `nc -N` does."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.gateway_connection import connected, send_answer
from tests.support.waiting import wait_until
from worker.gateway.closing import ReadToTheEnd

GET = b"GET /jobs HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
LARGE = bytes(2_000_000)  # more than the system takes from the server at once


async def answer_later(_scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await asyncio.sleep(0.02)
    await send_answer(send, 200, message["body"] + b".")


async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
    """Send events until the client leaves. The first one has to be asked for first, as a record has."""
    await asyncio.sleep(0.02)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"event", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize(
    ("request_bytes", "bodies"),
    [
        (GET, [b"."]),
        (POST, [b"body."]),
        (GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), [b"."]),
        (GET.replace(b"1.1", b"1.0"), [b"."]),
        (GET + POST + GET, [b".", b"body.", b"."]),
    ],
)
async def test_they_get_their_answers_and_then_the_connection_is_closed(
    request_bytes: bytes, bodies: list[bytes]
) -> None:
    async with connected(ReadToTheEnd(answer_later)) as client:
        client.writer.write(request_bytes)
        client.writer.write_eof()
        answers = [await client.answer() for _ in bodies]
        rest = await client.reader.read()
        await wait_until(lambda: not client.served)

    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == bodies
    assert rest == b""


async def test_one_that_closes_its_side_while_it_waits_gets_its_answer() -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        asked.set()
        await closed.wait()
        await send_answer(send, 200, LARGE)

    async with connected(answer) as client:
        client.writer.write(GET)
        await asked.wait()
        client.writer.write_eof()
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.02, closed.set)
        assert (await client.answer()).endswith(LARGE)
        assert await client.reader.read() == b""


async def test_what_is_no_whole_request_is_not_waited_for() -> None:
    for begun in (b"", GET[:-2], GET + GET[:-2]):
        async with connected(answer_later) as client:
            client.writer.write(begun)
            client.writer.write_eof()
            for _ in range(begun.count(GET)):
                await client.answer()
            assert await client.reader.read() == b""


async def test_half_a_body_is_a_problem() -> None:
    async with connected(answer_later) as client:
        client.writer.write(POST[:-2])
        client.writer.write_eof()
        answer = await client.answer()
        assert await client.reader.read() == b""

    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_stream_is_sent_to_a_client_that_has_closed_its_side_before_it_begins() -> None:
    async with connected(stream) as client:
        client.writer.write(GET)
        client.writer.write_eof()
        await client.reader.readuntil(b"event")
        assert client.served


async def test_a_client_that_closes_its_side_of_a_stream_leaves_it() -> None:
    async with connected(stream) as client:
        client.writer.write(GET)
        await client.reader.readuntil(b"event")
        client.writer.write_eof()
        await wait_until(lambda: not client.served)
