"""Accepts connections, as many as the process has file descriptors for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from socket import socket

from worker.gateway.open_files import Connections

_AT_ONCE = 8  # before anything else has its turn: these have no protocol yet that could be disconnected
_OUT_OF_FILES_SECONDS = 0.05


class Accepting:
    """Accepts from the `listeners` until it is closed, in the place of asyncio's Server.

    That one takes up to 2,048 connections before it looks at any. Where there are too many for the descriptors, it
    writes a line for each, and the gateway's own connections to AWS and Redis fail. Here the client that has been
    without a complete request for the longest time makes room for the newest: a probe sends its request at once.
    """

    def __init__(
        self, listeners: Sequence[socket], make_protocol: Callable[[], asyncio.Protocol], connections: Connections
    ) -> None:
        self._make_protocol = make_protocol
        self._connections = connections
        self._listeners = listeners
        self._beginning: dict[asyncio.Task[None], asyncio.Protocol] = {}
        self._loop = asyncio.get_running_loop()
        for listener in listeners:
            listener.setblocking(False)
            self._loop.add_reader(listener, self._accept, listener)

    def close(self) -> None:
        for listener in self._listeners:
            self._loop.remove_reader(listener)
        self._listeners = ()

    async def wait_closed(self) -> None:
        if self._beginning:
            await asyncio.wait(self._beginning)

    def _accept(self, listener: socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, _address = listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:  # it has gone away already
                continue
            except OSError:  # no descriptor is left
                self._wait_for_files(listener)
                return
            if self._connections.make_room(self._beginning.values()):
                self._begin(client)
            else:
                client.close()

    def _begin(self, client: socket) -> None:
        protocol = self._make_protocol()
        task = self._loop.create_task(self._connect(client, protocol))
        self._beginning[task] = protocol
        task.add_done_callback(self._beginning.pop)

    async def _connect(self, client: socket, protocol: asyncio.Protocol) -> None:
        with suppress(OSError):  # it has gone away already
            await self._loop.connect_accepted_socket(lambda: protocol, client)

    def _wait_for_files(self, listener: socket) -> None:
        """Have a connection closed, and accept none until it is: the loop would report the next one at once."""
        self._connections.disconnect_one()
        self._loop.remove_reader(listener)
        self._loop.call_later(_OUT_OF_FILES_SECONDS, self._accept_again, listener)

    def _accept_again(self, listener: socket) -> None:
        if listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener)
