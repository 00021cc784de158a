"""A connection to an ASGI application as the gateway serves it, in the test's own loop, which may be a virtual one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Send
from uvicorn.server import ServerState

from tests.support.waiting import wait_until
from worker.gateway.protocol import ProblemProtocol


@dataclass(frozen=True)
class Connection:
    """The client's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

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
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    config.load()
    ours, theirs = socket.socketpair()
    state = ServerState()
    transport, _ = await loop.connect_accepted_socket(lambda: ProblemProtocol(config, state, {}), theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Connection(reader, writer)
    finally:
        for end in (writer.transport, transport):
            end.abort()
        await wait_until(lambda: not state.connections and not state.tasks)
    assert not errors


async def send_answer(send: Send, status: int, body: bytes = b"") -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
