"""A connection to an ASGI application as the gateway serves it, in the test's own loop, which may be a virtual one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Send
from uvicorn.server import ServerState

from tests.support.waiting import wait_until
from worker.gateway.open_files import Connections
from worker.gateway.protocol import ProblemProtocol
from worker.gateway.serving import config_of


@dataclass(frozen=True)
class Connection:
    """The client's side. `served` has the server's, while that has the connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    served: Collection[object]

    async def answer(self) -> bytes:
        """The next answer, which states its length: its head and its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head + await self.reader.readexactly(int(length))


@asynccontextmanager
async def connected(app: ASGIApp) -> AsyncIterator[Connection]:
    """A connection to the application. Raises AssertionError at its end where the server's side had an error."""
    loop = asyncio.get_running_loop()
    errors: list[MutableMapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: errors.append(context))
    config = config_of(app)
    config.load()
    ours, theirs = socket.socketpair()
    state = ServerState()
    transport, _ = await loop.connect_accepted_socket(
        lambda: ProblemProtocol(Connections(None), config, state), theirs
    )
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Connection(reader, writer, state.connections)
    finally:
        for end in (writer.transport, transport):
            if not end.is_closing():
                end.abort()
        await wait_until(lambda: not state.connections and not state.tasks)
    assert not errors


async def send_answer(send: Send, status: int, body: bytes = b"") -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
