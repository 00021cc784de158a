"""An ASGI layer that ends the requests that are not answered when the gateway stops."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.gateway.problems import unavailable

_ANSWER_SECONDS = 4.0  # below uvicorn's limit, at which it cancels what it serves, and answers with a 500 of its own


class AnsweredInDrain:
    """Answers 503 to a request to which the `app` has begun no answer within four seconds of the drain."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limits: set[asyncio.Timeout] = set()  # of the requests without an answer
        self._ends_at: float | None = None  # of the loop's clock

    def drain(self) -> None:
        """Begin the four seconds. Called again, it changes nothing."""
        if self._ends_at is None:
            self._ends_at = asyncio.get_running_loop().time() + _ANSWER_SECONDS
            for limit in self._limits:
                limit.reschedule(self._ends_at)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = asyncio.timeout_at(self._ends_at)

        async def sent(message: Message) -> None:
            self._limits.discard(limit)
            if not limit.expired():
                limit.reschedule(None)
            await send(message)

        try:
            async with limit:
                self._limits.add(limit)
                await self._app(scope, receive, sent)
        except TimeoutError:
            if limit not in self._limits or not limit.expired():
                raise
            response = unavailable("this gateway stops").response()
            response.headers["connection"] = "close"
            await response(scope, receive, send)
        finally:
            self._limits.discard(limit)
