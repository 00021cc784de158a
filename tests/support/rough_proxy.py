"""A TCP proxy, on a thread of its own, that can be cut, slowed and restored while connections pass through it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK_BYTES = 16 * 1024
_HOST = "127.0.0.1"


class RoughProxy:
    """Passes connections on to `target_port`. Its methods are called from the thread that started it."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._is_cut = False
        self._delay_seconds = 0.0
        self._transports: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._listens = threading.Event()

    @contextmanager
    def running(self) -> Iterator[RoughProxy]:
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="rough proxy")
        thread.start()
        self._listens.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join()
            self._loop.close()

    def cut(self) -> None:
        """Abort all connections, and each new one as soon as it is made."""
        self._loop.call_soon_threadsafe(self._cut)

    def slow(self, delay_seconds: float) -> None:
        """Delay each chunk of 16 KiB by that long, in both directions."""
        self._delay_seconds = delay_seconds

    def restore(self) -> None:
        """Pass everything through again."""
        self._is_cut = False
        self._delay_seconds = 0.0

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._transports:
            writer.transport.abort()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, _HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._ended.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._transports.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(_HOST, self._target_port)
            self._transports.add(far_writer)
            try:
                # Whichever side ends first ends the other: HTTP has no half-open connections worth keeping.
                async with asyncio.TaskGroup() as directions:
                    directions.create_task(self._pass(reader, far_writer))
                    directions.create_task(self._pass(far_reader, writer))
            finally:
                self._discard(far_writer)
        finally:
            self._discard(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                writer.write(chunk)
                await writer.drain()
        writer.close()

    def _discard(self, writer: asyncio.StreamWriter) -> None:
        self._transports.discard(writer)
        writer.transport.abort()
