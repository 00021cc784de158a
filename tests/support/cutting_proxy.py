"""A TCP proxy that closes connections in the middle of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK_BYTES = 64 * 1024


class CuttingProxy:
    """Passes bytes through; each entry of `cuts` closes one connection after that many bytes of its answers."""

    def __init__(self, target_port: int) -> None:
        self.cuts: list[int] = []
        self.connections = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @asynccontextmanager
    async def running(self) -> AsyncIterator[CuttingProxy]:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        cut = self.cuts.pop(0) if self.cuts else None
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        requests = asyncio.create_task(_pass(reader, upstream_writer, None))
        try:
            await _pass(upstream_reader, writer, cut)
        finally:
            requests.cancel()
            writer.close()
            upstream_writer.close()
            await asyncio.gather(requests, writer.wait_closed(), upstream_writer.wait_closed(), return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            if limit is not None:
                chunk = chunk[:limit]
                limit -= len(chunk)
            writer.write(chunk)
            await writer.drain()
            if limit == 0:
                return
