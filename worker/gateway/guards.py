"""Who may ask, and how often. An ASGI layer before the routes, so that what it refuses costs nearly nothing."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.gateway.open_files import Connections
from worker.gateway.problems import ProblemError

_OPEN = frozenset({"/", "/livez", "/readyz", "/health", "/metrics", "/openapi.json"})
FILES_OF_PAGE = "/page/"  # answered without a token: they are the same in every gateway
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_BURST_SECONDS = 10  # a page opens many streams at once: so many seconds' requests may come together
_MOST_CLIENTS = 10_000


class Guard:
    """Lets a request through, or answers it with a problem.

    Without a token the gateway listens on loopback alone, where any web page that the user opens could reach it. So it
    then answers only to a host name of this machine (against DNS rebinding). A page of another origin that is not in
    `origins` can change nothing, with or without a token (against CSRF).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        origins: Collection[str],
        requests_per_second: int,
        connections: Connections,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._origins = frozenset(origins)
        self._rate = Rate(requests_per_second, clock)
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope, Headers(scope=scope))
        except ProblemError as problem:
            await problem.response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Raise ProblemError where the request is refused."""
        if scope["path"] in _OPEN or scope["path"].startswith(FILES_OF_PAGE):
            return
        if self._connections.are_full:
            over = {"retry-after": "2", "connection": "close"}
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections are open", headers=over)
        client = scope.get("client")
        if not self._rate.allows(client[0] if client else ""):
            wait = {"retry-after": "1"}
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too many requests; wait a second", headers=wait)
        host = headers.get("host", "")
        if self._token is None and not _is_loopback(host):
            raise ProblemError(HTTPStatus.FORBIDDEN, "without a token only this machine's own names are answered")
        if scope["method"] not in _READING and not self._is_welcome(headers.get("origin"), host):
            raise ProblemError(HTTPStatus.FORBIDDEN, "the page's origin is not among WORKER_SERVE_CORS_ORIGINS")
        if self._token is not None and not self._has_token(headers.get("authorization", "")):
            asked = {"www-authenticate": "Bearer"}
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "a bearer token is needed", headers=asked)

    def _is_welcome(self, origin: str | None, host: str) -> bool:
        """Whether no page of a foreign origin sends the request. Programs send no `Origin`."""
        if origin is None or "*" in self._origins or origin in self._origins:
            return True
        try:
            return urlsplit(origin).netloc == host
        except ValueError:
            return False

    def _has_token(self, authorization: str) -> bool:
        assert self._token is not None
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)


class Rate:
    """Limits the requests of each client to so many a second. After a pause, those of ten seconds may come at once."""

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._most = per_second * _BURST_SECONDS
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # by client: requests, and when counted

    def allows(self, client: str) -> bool:
        """Whether the client may make one more request now. It is then counted."""
        now = self._clock()
        left, counted_at = self._left.pop(client, (float(self._most), now))
        left = min(self._most, left + (now - counted_at) * self._per_second)
        is_allowed = left >= 1
        self._left[client] = (left - 1 if is_allowed else left, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return is_allowed


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
