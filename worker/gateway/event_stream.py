"""An answer of server-sent events (the HTML standard, section 9.2), whatever they are about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing, suppress
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

COMMENT = b": still here\n\n"
_SEND_SECONDS = 60.0  # a client that takes nothing for so long is dropped
_FIRST = b"retry: 2000\n\n"  # milliseconds after which a browser connects again
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back
]


class EventStream(Response):
    """Sends what `events` yields, as fast as the client takes it: the next one is asked for when one has been taken.

    It counts as an open stream until it closes `place`, at its end.
    """

    def __init__(self, events: AsyncGenerator[bytes, None], place: AbstractContextManager[object]) -> None:
        super().__init__()
        self._events = events
        self._place = place

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await self._answer(receive, send)

    async def _answer(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": HTTPStatus.OK.value, "headers": _HEADERS})
        sending = asyncio.ensure_future(self._send_until_refused(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if not sending.cancelled():
            sending.result()

    async def _send_until_refused(self, send: Send) -> None:
        with suppress(TimeoutError):
            await self._send_all(send)

    async def _send_all(self, send: Send) -> None:
        await _send(send, _FIRST)
        async with aclosing(self._events) as events:
            async for event in events:
                await _send(send, event)
        await _send(send, b"", more=False)


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    """Send a part of the body. Raises TimeoutError where the client takes nothing."""
    async with asyncio.timeout(_SEND_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
