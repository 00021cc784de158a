"""The probes and the metrics of the gateway, from values in memory: nothing here asks a dependency."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from worker import __version__
from worker.adapters.sqs.sender import SqsSender
from worker.application.operations.store_watch import StoreWatch
from worker.domain.progress import timestamp
from worker.gateway.instruments import render

_READ = ["GET"]  # HEAD comes with it


class HealthRoutes:
    """`streams` says how many streams are open, `sender` puts the jobs on the queue."""

    def __init__(self, stores: StoreWatch, streams: Callable[[], int], sender: SqsSender | None) -> None:
        self._stores = stores
        self._streams = streams
        self._sender = sender
        self.is_draining = False
        self._metrics_of_turn: tuple[bytes, str] | None = None

    def add_to(self, app: FastAPI) -> None:
        """Add the routes. The OpenAPI document does not have them: they are for the platform."""
        routes = {"/livez": self.live, "/readyz": self.ready, "/health": self.health, "/metrics": self.metrics}
        for path, route in routes.items():
            app.add_route(path, route, methods=_READ, include_in_schema=False)

    async def live(self, _request: Request) -> Response:
        """Answer. That proves that the event loop turns."""
        return PlainTextResponse("live\n")

    async def ready(self, _request: Request) -> Response:
        """Answer 200 while the job table can be reached, until the drain; else 503."""
        if self._stores.has_table and not self.is_draining:
            return PlainTextResponse("ready\n")
        text = "not ready: starting, draining, or the job table is out of reach\n"
        return PlainTextResponse(text, HTTPStatus.SERVICE_UNAVAILABLE)

    async def health(self, _request: Request) -> Response:
        return JSONResponse(self._document())

    async def metrics(self, _request: Request) -> Response:
        """Answer with the metrics, rendered once for all who ask in the same turn of the loop.

        Nobody is refused here, and rendering takes longer than the rest of an answer: many who ask would delay probes.
        """
        if self._metrics_of_turn is None:
            self._metrics_of_turn = render(self._streams())
            asyncio.get_running_loop().call_soon(self._forget_metrics)
        body, content_type = self._metrics_of_turn
        return Response(body, headers={"content-type": content_type})

    def _forget_metrics(self) -> None:
        self._metrics_of_turn = None

    def _document(self) -> Mapping[str, Any]:
        """What the worker's `/health` has. A gateway sends to the queue and receives nothing, so it runs no job."""
        stores, outage = self._stores, self._stores.outage
        return {
            "status": self._status(),
            "redis": {
                "state": stores.cache_state,
                "unavailable_since": timestamp(outage.since) if outage else None,
                "reason": outage.reason if outage else None,
                "outages": stores.outages,
            },
            "progress_store": stores.progress_store,
            "progress_cache": stores.cache_name,
            "table": {
                "state": "connected" if stores.has_table else "unavailable",
                "reason": stores.table_problem,
            },
            "queue": {
                "sent": self._sender.sent if self._sender else 0,
                "send_failures": self._sender.failures if self._sender else 0,
            },
            "jobs": {"running": 0, "slots": 0},
            "streams": {"open": self._streams()},
            "version": __version__,
        }

    def _status(self) -> Literal["ok", "degraded", "draining"]:
        if self.is_draining:
            return "draining"
        return "ok" if self._stores.has_table and self._stores.cache_state != "unavailable" else "degraded"
