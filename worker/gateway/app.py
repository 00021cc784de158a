"""Connects the routes of the gateway: one ASGI application."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.types import ASGIApp

from worker.bootstrap.gateway import GatewayParts
from worker.gateway.closing import ReadToTheEnd
from worker.gateway.cors import Cors
from worker.gateway.documents import add_document
from worker.gateway.draining import AnsweredInDrain
from worker.gateway.feeds import Feeds
from worker.gateway.files import FileRoutes
from worker.gateway.guards import Guard
from worker.gateway.head import HeadAsGet
from worker.gateway.health import HealthRoutes
from worker.gateway.instruments import Measured
from worker.gateway.jobs import JobRoutes
from worker.gateway.open_files import Connections
from worker.gateway.page import PageRoutes
from worker.gateway.part_uploads import PartUploadRoutes
from worker.gateway.prefixes import Prefixes
from worker.gateway.problems import add_handlers
from worker.gateway.streams import StreamRoutes
from worker.gateway.targets import OriginForm
from worker.gateway.versions import MajorVersion
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Gateway:
    """The application, and what its process needs at the end."""

    app: ReadToTheEnd
    feeds: Feeds
    health: HealthRoutes
    answered: AnsweredInDrain

    def drain(self) -> None:
        """Show probes the drain, end all streams, and bound all other answers: their clients ask again, elsewhere."""
        self.health.is_draining = True
        self.feeds.close()
        self.answered.drain()
        self.app.drain()


def make_gateway(settings: Settings, parts: GatewayParts, *, max_streams: int, connections: Connections) -> Gateway:
    """The gateway of these settings, with at most `max_streams` open streams."""
    serve = settings.serve
    prefixes = Prefixes(serve.source, serve.target)
    reader = parts.jobs.reader
    feeds = Feeds(reader)
    app = FastAPI(openapi_url=None, redirect_slashes=False)  # its pages of the document load foreign scripts
    router = app.router
    JobRoutes(parts, prefixes, max_body_bytes=serve.max_body_bytes).add_to(router)
    StreamRoutes(feeds, max_streams=max_streams).add_to(router)
    FileRoutes(
        parts.presigner,
        reader,
        prefixes,
        parts.jobs.presets,
        max_upload_bytes=settings.max_source_bytes,
        max_body_bytes=serve.max_body_bytes,
    ).add_to(router)
    PartUploadRoutes(
        parts.uploads, prefixes, max_bytes=settings.max_source_bytes, max_body_bytes=serve.max_body_bytes
    ).add_to(router)
    PageRoutes(parts.presigner, prefixes).add_to(app)
    health = HealthRoutes(parts.stores, lambda: feeds.streams, parts.jobs.sender)
    health.add_to(app)
    add_handlers(app)
    add_document(app)
    answered = AnsweredInDrain(app)
    measured = Measured(MajorVersion(_guarded(answered, settings, connections)))
    return Gateway(ReadToTheEnd(OriginForm(HeadAsGet(measured))), feeds, health, answered)


def _guarded(app: ASGIApp, settings: Settings, connections: Connections) -> ASGIApp:
    serve = settings.serve
    token = None if serve.token is None else serve.token.get_secret_value()
    guarded = Guard(
        app,
        token=token,
        origins=serve.origins,
        requests_per_second=serve.requests_per_second,
        connections=connections,
    )
    if not serve.origins:
        return guarded
    return Cors(guarded, serve.origins)  # outermost: a browser asks first without the token
