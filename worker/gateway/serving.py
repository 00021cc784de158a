"""Runs the gateway until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from socket import socket

import uvicorn
from starlette.types import ASGIApp

from worker.adapters.http.listening import CannotListenError, listen
from worker.bootstrap.gateway import open_gateway
from worker.events import Event, emit
from worker.gateway.accepting import Accepting
from worker.gateway.app import Gateway, make_gateway
from worker.gateway.open_files import Connections, connections_within, raise_open_files, streams_within
from worker.gateway.protocol import ProblemProtocol
from worker.settings import ConfigurationError, Fault, Settings
from worker.signals import handling_signals

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_KEEP_ALIVE_SECONDS = 75  # above the 60 s of load balancers: who sends requests should close idle connections
_DRAIN_SECONDS = 5


async def serve(settings: Settings) -> int:
    """Answer requests until SIGTERM or SIGINT; then end the streams, and finish what is being answered. Returns 0.

    Raises ConfigurationError.
    """
    listeners = _listen(settings)
    try:
        async with open_gateway(settings) as parts:
            connections = Connections(connections_within(raise_open_files()))
            max_streams = streams_within(connections.most, settings.serve.max_streams)
            gateway = make_gateway(settings, parts, max_streams=max_streams, connections=connections)
            watching = asyncio.create_task(parts.stores.run(), name="store watch")
            try:
                emit(Event.GATEWAY_STARTED, **_announced(settings, listeners))
                await _serve(gateway, listeners, connections)
            finally:
                watching.cancel()
                await asyncio.wait([watching])
    finally:
        for listener in listeners:
            listener.close()
    emit(Event.GATEWAY_STOPPED)
    return 0


def _announced(settings: Settings, listeners: Sequence[socket]) -> dict[str, object]:
    host, port = listeners[-1].getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    return {"settings": settings.effective(), "http_address": address, "python": sys.version.split()[0]}


def _listen(settings: Settings) -> Sequence[socket]:
    try:
        return listen(settings.serve.host, settings.serve.port)
    except CannotListenError as exc:
        name = "WORKER_SERVE_HOST" if exc.is_due_to_host else "WORKER_SERVE_PORT"
        raise ConfigurationError(Fault((name,), str(exc))) from exc


def config_of(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        http=ProblemProtocol,
        ws="none",  # a package for WebSockets, if installed, would take connections over, and their deadlines
        log_config=None,  # its errors become lines of our log
        log_level=logging.ERROR,  # its warnings are about what clients send, without an end; that is counted
        access_log=False,
        lifespan="off",
        workers=1,  # else uvicorn reads WEB_CONCURRENCY, and fails where that is no number
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


async def _serve(gateway: Gateway, listeners: Sequence[socket], connections: Connections) -> None:
    server = _Server(config_of(gateway.app), connections)

    def stop(number: signal.Signals) -> None:
        if not server.should_exit:
            emit(Event.GATEWAY_DRAINING, signal=number.name)
        server.should_exit = True
        gateway.drain()

    with handling_signals(_SIGNALS, stop):
        await server.serve(sockets=list(listeners))


class _Server(uvicorn.Server):
    """uvicorn's server, with our way of accepting connections."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections
        connections.open = self.server_state.connections

    async def startup(self, sockets: list[socket] | None = None) -> None:
        assert sockets is not None
        make_protocol = partial(ProblemProtocol, self._connections, self.config, self.server_state)
        self.servers = [Accepting(sockets, make_protocol, self._connections)]  # type: ignore[list-item]
        self.started = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: uvicorn would raise them again after its end, and they are handled here."""
        yield
