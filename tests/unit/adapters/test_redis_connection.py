"""The private parts of redis-py that our connection uses. These tests fail when a new version has changed them.

Then read the library's redis/asyncio/connection.py, adapt worker/adapters/redis/connection.py, and this file last.
"""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Connection
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError

from tests.support.certificate import Certificate
from tests.support.waiting import wait_until
from worker.adapters.redis.connection import BoundedConnection
from worker.adapters.redis.endpoint import Endpoint
from worker.demo.servers import HOST

NAME = "redis.test"  # resolves nowhere: a connection that looks it up fails
MORE_THAN_A_SOCKET_HOLDS = 64 * 1024 * 1024  # bytes


class Server:
    """Sends the `answer` to all that arrives, and remembers it; once it `is_deaf` it reads no more."""

    def __init__(self, answer: bytes) -> None:
        self.received = b""
        self.began = self.ended = 0
        self.is_deaf = False
        self.port = 0
        self._answer = answer
        self._is_over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.began += 1
        with suppress(ConnectionError):
            while data := await reader.read(4096):
                self.received += data
                writer.write(self._answer)
                if self.is_deaf:
                    await self._is_over.wait()
                    break
        self.ended += 1
        writer.transport.abort()

    async def end(self) -> None:
        self._is_over.set()
        await wait_until(lambda: self.ended == self.began)
        await asyncio.sleep(0)  # transports close in the loop's next turn


@asynccontextmanager
async def a_server(tls: ssl.SSLContext | None = None, answer: bytes = b"+OK\r\n") -> AsyncIterator[Server]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, HOST, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        await server.end()
        listening.close()
        await listening.wait_closed()


def a_connection(port: int, *, host: str = NAME, context: ssl.SSLContext | None = None) -> BoundedConnection:
    return BoundedConnection(
        Endpoint(host, port, username="worker"),
        HOST,
        password="a-password",
        context=context,
        connect_seconds=5,
        best_before=0,
    )


async def test_it_connects_to_the_address_and_looks_no_name_up() -> None:
    async with a_server() as server:
        connection = a_connection(server.port)

        await connection.open()

        assert connection.is_connected
        connection.close()


async def test_the_handshake_is_the_login_and_nothing_else() -> None:
    async with a_server() as server:
        connection = a_connection(server.port)

        await connection.open()

        assert server.received == b"*3\r\n$4\r\nAUTH\r\n$6\r\nworker\r\n$10\r\na-password\r\n"
        connection.close()


@pytest.mark.parametrize(("host", "is_accepted"), [(HOST, True), (NAME, False)])
async def test_tls_checks_the_name_of_the_endpoint_and_not_the_address(
    host: str, is_accepted: bool, tmp_path: Path
) -> None:
    certificate = Certificate(tmp_path)
    async with a_server(certificate.server()) as server:
        connection = a_connection(server.port, host=host, context=certificate.client())

        if is_accepted:
            await connection.open()
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connection.open()

        assert connection.is_connected is is_accepted
        connection.close()


async def test_it_closes_at_once_though_the_server_reads_nothing() -> None:
    async with a_server() as server:
        connection = a_connection(server.port)
        await connection.open()
        server.is_deaf = True
        sending = asyncio.create_task(connection.send_command("SET", "key", b"x" * MORE_THAN_A_SOCKET_HOLDS))
        await wait_until(lambda: len(server.received) > 4096)

        connection.close()

        assert not connection.is_connected
        await asyncio.wait_for(
            asyncio.gather(sending, return_exceptions=True), 5
        )  # a send under way does not wait either


async def test_nothing_is_left_open_where_the_login_fails() -> None:
    async with a_server(answer=b"-WRONGPASS no such user\r\n") as server:
        connection = a_connection(server.port)

        with pytest.raises(AuthenticationError):
            await connection.open()

        assert not connection.is_connected


async def test_what_nobody_asked_for_is_seen_when_it_has_come() -> None:
    async with a_server(answer=b"+OK\r\n+AGAIN\r\n") as server:
        connection = a_connection(server.port)
        await connection.open()
        assert connection.has_unread, "the parser has it"

        assert await connection.read_response() == b"AGAIN"
        assert not connection.has_unread

        await connection.send_command("PING")
        await wait_until(lambda: connection.has_unread)  # the stream has it, which the parser has not read
        connection.close()
        assert not connection.has_unread


def test_connecting_still_goes_through_the_two_methods_that_we_use() -> None:
    source = source_of(Connection._connect)

    assert list(inspect.signature(Connection._connect).parameters) == ["self"]
    assert "asyncio.open_connection( **self._connection_arguments() )" in source
    assert "self._reader = reader self._writer = writer" in source


def test_closing_still_means_to_tell_the_parser_and_to_forget_reader_and_writer() -> None:
    assert {"_reader", "_writer", "_parser"} <= set(AbstractConnection.__slots__)
    assert "self._writer = self._reader = None" in source_of(AbstractConnection._close)
    assert "self._parser.on_disconnect()" in source_of(AbstractConnection.disconnect)
    is_connected: Any = AbstractConnection.is_connected
    assert "self._reader is not None and self._writer is not None" in source_of(is_connected.fget)


def source_of(function: Callable[..., Any]) -> str:
    """The source on one line, with single spaces."""
    return " ".join(inspect.getsource(function).split())
