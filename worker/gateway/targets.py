"""An ASGI layer for targets in absolute form, `GET http://host/jobs/x HTTP/1.1` (RFC 9112, section 3.2.2)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_ABSOLUTE = re.compile(rb"https?://([^/@]+)(/.*)?", re.IGNORECASE)  # names of users are not allowed in it


class OriginForm:
    """Gives the `app` each request as if it had come in origin form.

    The host of the target takes the place of the `Host` field, as the RFC demands: who may ask is judged by it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (target := _ABSOLUTE.fullmatch(scope["raw_path"])):
            host, raw_path = target[1], target[2] or b"/"
            headers = [(b"host", host), *(field for field in scope["headers"] if field[0] != b"host")]
            path = unquote(raw_path.decode("ascii"))
            scope = {**scope, "path": path, "raw_path": raw_path, "headers": headers}
        await self._app(scope, receive, send)
