"""Every instrument that `/metrics` of a gateway shows. docs/metrics.md is generated from this file.

They have a registry of their own: a series of a worker's, such as `worker_info`, would tell alerts that a worker runs.
Names and units follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client import generate_latest as text_of
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker import __version__

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

# 1 is the limit that is promised for an answer, so that an alarm can be set on it.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})

INFO = Gauge("gateway_info", "Always 1; carries the version.", ["version"], registry=REGISTRY)
INFO.labels(version=__version__).set(1)

REQUESTS = Counter(
    "gateway_requests",
    "Requests that were answered. `route`: the path with names for its parts, as in /openapi.json, or empty for what "
    "was refused before it reached a route; `method`, or other; `status`.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
RESPONSE_DURATION = Histogram(
    "gateway_response_duration_seconds",
    "Time of a request up to the beginning of its answer: for a stream, the time to its first byte.",
    ["route", "method"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
STREAMS = Gauge(
    "gateway_streams", "Streams that are open now; one of several jobs counts once for each.", registry=REGISTRY
)


class Measured:
    """An ASGI layer that counts and times every answer of the `app`."""

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_at = self._clock()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                _count(scope, message["status"], self._clock() - began_at)
            await send(message)

        await self._app(scope, receive, counted)


def _count(scope: Scope, status: int, seconds: float) -> None:
    """Count an answer. No label has a text that a client made up: there may be any number of paths and methods."""
    route = _route_of(scope)
    method = scope["method"] if scope["method"] in _METHODS else "other"
    REQUESTS.labels(route=route, method=method, status=str(status)).inc()
    RESPONSE_DURATION.labels(route=route, method=method).observe(seconds)


def count_unreadable() -> None:
    """Count a request that was answered with 400 because it could not be read: it has neither path nor method."""
    REQUESTS.labels(route="", method="other", status="400").inc()


def _route_of(scope: Scope) -> str:
    """The path of the route; empty without one. The router puts the route, or only its endpoint, into the scope."""
    if "route" in scope:
        return str(scope["route"].path)
    return str(scope["path"]) if "endpoint" in scope else ""


def render(streams: int) -> tuple[bytes, str]:
    """All instruments as Prometheus text, with so many open streams, and its content type."""
    STREAMS.set(streams)
    return text_of(REGISTRY), CONTENT_TYPE_LATEST
