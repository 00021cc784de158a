"""How long requests that are not answered hold the end of the gateway, in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.gateway_connection import connected, send_answer
from tests.support.virtual_time import now, virtual_time
from worker.gateway.draining import AnsweredInDrain

GET = b"GET /jobs HTTP/1.1\r\nHost: x\r\n\r\n"
DRAIN_SECONDS = 4


class App:
    """Takes `seconds` before it answers, and as many after the head of its answer."""

    def __init__(self, before: float, after: float = 0.0) -> None:
        self.before = before
        self.after = after
        self.began = asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.began.set()
        await asyncio.sleep(self.before)
        if not self.after:
            await send_answer(send, 200, b"done")
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await asyncio.sleep(self.after)
        await send({"type": "http.response.body", "body": b"late"})


@virtual_time
@pytest.mark.parametrize(
    ("app", "answer", "seconds"),
    [
        (App(3), b"done", 3),
        (App(5), b"this gateway stops", DRAIN_SECONDS),
        (App(3600), b"this gateway stops", DRAIN_SECONDS),
        (App(3, 3600), b"late", 3603),  # no other answer can follow its head
    ],
)
async def test_what_has_no_answer_after_four_seconds_of_the_drain_is_refused(
    app: App, answer: bytes, seconds: float
) -> None:
    bounded = AnsweredInDrain(app)
    async with connected(bounded) as client:
        client.writer.write(GET)
        await app.began.wait()
        began_at = now()

        bounded.drain()

        assert answer in await client.answer()
        assert now() - began_at == pytest.approx(seconds)


@virtual_time
async def test_a_request_that_comes_in_the_drain_has_what_is_left_of_it() -> None:
    app = App(3600)
    bounded = AnsweredInDrain(app)
    async with connected(bounded) as client:
        bounded.drain()
        began_at = now()
        await asyncio.sleep(1)
        client.writer.write(GET)

        answer = await client.answer()

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert now() - began_at == pytest.approx(DRAIN_SECONDS)
        with suppress(ConnectionError):
            assert await client.reader.read() == b""
