"""How the gateway accepts connections, at the limit of their number."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from tests.support.gateway_connection import send_answer
from tests.support.waiting import wait_until
from worker.adapters.http.listening import listen
from worker.gateway.accepting import Accepting
from worker.gateway.open_files import Connections
from worker.gateway.protocol import ProblemProtocol
from worker.gateway.serving import config_of

GET = b"GET /jobs HTTP/1.1\r\nHost: x\r\n\r\n"
BEYOND = 16  # connections over the limit that are accepted for probes


class World:
    """An application behind a listener, with at most two connections and those of probes."""

    def __init__(self) -> None:
        self.state = ServerState()
        self.connections = Connections(2)
        self.connections.open = self.state.connections
        self.answered = asyncio.Event()
        self.asked = 0

        async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
            self.asked += 1
            await self.answered.wait()
            await send_answer(send, 200)

        config = config_of(answer)
        config.load()
        (self.listener,) = listen("127.0.0.1", 0)
        self.accepting = Accepting(
            [self.listener], partial(ProblemProtocol, self.connections, config, self.state), self.connections
        )

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.listener.getsockname()
        return await asyncio.open_connection(host, port)


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    world = World()
    try:
        yield world
    finally:
        world.accepting.close()
        world.listener.close()
        await world.accepting.wait_closed()
        for connection in list(world.state.connections):
            connection.transport.abort()
        await wait_until(lambda: not world.state.connections)


async def test_the_one_that_has_waited_for_the_longest_time_makes_room() -> None:
    async with a_world() as world:
        world.answered.set()
        clients = [await world.connect() for _ in range(2 + BEYOND)]
        await wait_until(lambda: len(world.state.connections) == 2 + BEYOND)
        first_reader, first_writer = clients[0]
        first_writer.write(GET)
        await first_reader.readuntil(b"\r\n\r\n")  # so the second has waited for longer than the first now
        newest_reader, newest_writer = await world.connect()
        newest_writer.write(GET)

        assert await clients[1][0].read() == b""
        assert (await newest_reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
        assert len(world.state.connections) == 2 + BEYOND
        for _, writer in (*clients, (newest_reader, newest_writer)):
            writer.close()


async def test_as_many_as_there_may_be_connect_at_once_and_none_makes_room() -> None:
    async with a_world() as world:
        clients = await asyncio.gather(*(world.connect() for _ in range(2 + BEYOND)))
        world.answered.set()
        for _, writer in clients:
            writer.write(GET)

        for reader, writer in clients:
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.close()


async def test_where_all_are_being_answered_the_newest_is_closed() -> None:
    async with a_world() as world:
        clients = [await world.connect() for _ in range(2 + BEYOND)]
        for _, writer in clients:
            writer.write(GET)
        await wait_until(lambda: world.asked == 2 + BEYOND)
        newest_reader, newest_writer = await world.connect()

        assert await newest_reader.read() == b""
        world.answered.set()
        for reader, writer in clients:
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.close()
        newest_writer.close()


async def test_no_part_of_an_answer_waits_for_the_client_to_confirm_the_one_before() -> None:
    async with a_world() as world:
        _, writer = await world.connect()
        await wait_until(lambda: world.state.connections)
        (connection,) = world.state.connections
        served = connection.transport.get_extra_info("socket")

        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        writer.close()
