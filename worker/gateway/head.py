"""HEAD for all that can be read (RFC 9110, section 9.3.2): what GET would answer, without the body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """An ASGI layer. The `app` gets a HEAD as a GET, and is told that the client has left once its answer has begun.

    So a stream ends once its headers are sent, and does not count as an open one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def received() -> Message:
            return {"type": "http.disconnect"} if has_begun else await receive()

        async def sent(message: Message) -> None:
            nonlocal has_begun
            if message["type"] != "http.response.start":
                return  # the body of a GET
            has_begun = True
            await send(message)
            await send({"type": "http.response.body", "body": b""})

        await self._app({**scope, "method": "GET"}, received, sent)
