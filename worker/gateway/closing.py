"""An ASGI layer that reads what is left of a body before the client's connection is closed (RFC 9112, section 9.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BODY_SECONDS = 10.0  # as for a client that keeps its connection (ProblemProtocol)
_DRAIN_SECONDS = 4.5  # after the last answers of the drain, and below uvicorn's limit


class ReadToTheEnd:
    """Ends the answer to a client that wants its connection closed only when it has sent the whole body.

    uvicorn closes at the end of the answer. Were bytes of the client left unread, the system would reset the
    connection, and a reset may overtake the answer: a client would not see why its body is refused. All of an answer
    that states its length is sent at once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limits: set[asyncio.Timeout] = set()
        self._drain_ends_at: float | None = None  # of the loop's clock

    def drain(self) -> None:
        """Bound all that is still read by the end of the drain. Called again, it changes nothing."""
        if self._drain_ends_at is None:
            self._drain_ends_at = asyncio.get_running_loop().time() + _DRAIN_SECONDS
            for limit in self._limits:
                limit.reschedule(self._until())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _sends_a_body_and_closes(scope):
            await self._app(scope, receive, send)
            return
        is_left = True  # of the body

        async def received() -> Message:
            nonlocal is_left
            message = await receive()
            is_left = message.get("more_body", False)
            return message

        async def read_rest() -> None:
            while is_left:
                await received()

        async def sent(message: Message) -> None:
            nonlocal is_left
            if message["type"] == "http.response.start":
                is_left = is_left and (b"connection", b"close") not in message["headers"]  # then it is to be at once
            elif is_left and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await self._within_limit(read_rest)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, received, sent)

    async def _within_limit(self, read: Callable[[], Awaitable[None]]) -> None:
        limit = asyncio.timeout_at(self._until())
        with suppress(TimeoutError):
            async with limit:
                self._limits.add(limit)
                try:
                    await read()
                finally:
                    self._limits.discard(limit)

    def _until(self) -> float:
        until = asyncio.get_running_loop().time() + _BODY_SECONDS
        return until if self._drain_ends_at is None else min(until, self._drain_ends_at)


def _sends_a_body_and_closes(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    has_body = headers.get("content-length", "0").strip("0") != "" or "transfer-encoding" in headers
    options = {option.strip().lower() for value in headers.getlist("connection") for option in value.split(",")}
    return has_body and (scope["http_version"] == "1.0" or "close" in options)
