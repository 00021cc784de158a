"""A TCP proxy that can be started, started with TLS, and stopped, always on the same port."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

from worker.demo.servers import HOST, free_port

_CHUNK_BYTES = 64 * 1024


class SwitchableProxy:
    """Passes bytes on to `target_port`; while it is stopped, the kernel refuses connections to its port.

    `delay_seconds`, where it is set, says for each chunk of an answer by how much it is delayed.
    """

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self.delay_seconds: Callable[[], float] | None = None
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen; with `tls`, end TLS here and pass plain bytes on."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port, ssl=tls)

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await asyncio.sleep(0)
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        directions = [
            asyncio.create_task(_pass(reader, inner_writer)),
            asyncio.create_task(_pass(inner_reader, writer, self.delay_seconds)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            writer.transport.abort()
            inner_writer.transport.abort()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: Callable[[], float] | None = None
) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            if delay_seconds is not None:
                await asyncio.sleep(delay_seconds())
            writer.write(chunk)
            await writer.drain()
