"""An ASGI layer that refuses requests of another major version of HTTP (RFC 9110, sections 2.5 and 15.6.6)."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from worker.gateway.problems import ProblemError


class MajorVersion:
    """Gives the `app` the requests of HTTP/1, and answers others with 505.

    h11 reads them all by the rules of HTTP/1.1, which others may not follow: the connection is closed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["http_version"].startswith("1."):
            detail = f"HTTP/{scope['http_version']} is not spoken here; HTTP/1.1 is"
            close = {"connection": "close"}
            response = ProblemError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, detail, headers=close).response()
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)
