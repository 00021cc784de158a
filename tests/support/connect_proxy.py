"""An HTTP proxy that TLS goes through, as HTTPS_PROXY names one: it knows CONNECT and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from worker.demo.servers import HOST


@asynccontextmanager
async def a_connect_proxy(targets: list[str]) -> AsyncIterator[str]:
    """The proxy's URL. What it was asked to connect to is added to `targets`."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            target = request.split()[1].decode()
            targets.append(target)
            host, _, port = target.rpartition(":")
            from_target, to_target = await asyncio.open_connection(host, int(port))
            writers.append(to_target)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pass_on(reader, to_target), _pass_on(from_target, writer))

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    for writer in writers:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
