"""Serves all connections on one thread. None of them can keep the others from being answered.

With a thread for each connection, 140 clients that sent nothing made every probe fail. Here a client has a deadline
for its whole request. Where there are too many clients, the one that has been unfinished for the longest time is
disconnected in favour of the newest: a probe sends its request at once, and is answered long before that. Clients on
this machine, from which ECS probes, have places that others cannot take.
"""

from __future__ import annotations

import resource
import selectors
import socket
import time
from collections.abc import Sequence

from worker.adapters.http.clients import Clients
from worker.adapters.http.connection import OVER, Connection, Respond

# The limits of each kind of clients: those on this machine, and all others.
_MAX_CLIENTS = 512
_MIN_CLIENTS = 8
_SHARE_OF_DESCRIPTORS = 8  # each kind may have one descriptor in so many; jobs need the others
_AT_ONCE = 64  # so many clients have a turn before new ones are accepted, and so many are accepted before the next
_OUT_OF_DESCRIPTORS_SECONDS = 0.05


class ConnectionLoop:
    """Accepts from the `listeners`, the first of them first, and responds, from `run` until `stop`.

    A client has `client_seconds` for a request with its response, in all, and then for the next one.
    """

    def __init__(self, listeners: Sequence[socket.socket], respond: Respond, *, client_seconds: float) -> None:
        self.turns = 0  # how often the clients that were ready have been served
        self._listeners = listeners
        self._respond = respond
        limit = max_clients()
        self._local, self._remote = Clients(limit, client_seconds), Clients(limit, client_seconds)
        self._is_stopped = False
        self._woken, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ)
        for listener in listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        while not self._is_stopped:
            self._turn()

    def stop(self) -> None:
        """Make `run` return. Safe from any thread."""
        self._is_stopped = True
        self._waker.send(b"\0")

    def close(self) -> None:
        """Stop listening and disconnect all clients, once `run` has returned."""
        self._selector.close()
        clients = [connection.socket for connection in (*self._local, *self._remote)]
        for each in (*clients, *self._listeners, self._woken, self._waker):
            each.close()

    def _turn(self) -> None:
        self.turns += 1
        ready = [key for key, _ in self._selector.select(self._seconds_to_deadline())]
        clients = [key for key in ready if key.data is not None]
        for key in clients[:_AT_ONCE]:
            self._advance(key.data, key.events)
        if len(clients) < len(ready):  # after these: a new client may take the place of one of them
            for listener in self._listeners:
                self._accept(listener)
        self._disconnect_overdue()

    def _disconnect_overdue(self) -> None:
        now = time.monotonic()
        for clients in (self._local, self._remote):
            for connection in clients.overdue(now):
                self._disconnect(connection)

    def _seconds_to_deadline(self) -> float | None:
        deadlines = [clients.deadline for clients in (self._local, self._remote) if clients.deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, address = listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:  # it has gone away already
                continue
            except OSError:  # no descriptor is left
                self._make_room()
                return
            self._connect(Connection(client, self._respond, is_local=_is_local(address[0])))

    def _connect(self, connection: Connection) -> None:
        """Take a new client and serve it as far as possible: most send their request at once, and are answered."""
        event = connection.advance()
        if event == OVER:
            connection.socket.close()
            return
        clients = self._clients_of(connection)
        if clients.is_full:
            self._disconnect(next(iter(clients)))
        clients.begin_request(connection, time.monotonic())
        self._selector.register(connection.socket, event, connection)

    def _advance(self, connection: Connection, events: int) -> None:
        responses = connection.responses
        event = connection.advance()
        if event == OVER:
            self._disconnect(connection)
            return
        if connection.responses > responses and not connection.is_closing:
            self._clients_of(connection).begin_request(connection, time.monotonic())
        if event != events:
            self._selector.modify(connection.socket, event, connection)

    def _disconnect(self, connection: Connection) -> None:
        self._clients_of(connection).remove(connection)
        self._selector.unregister(connection.socket)
        connection.socket.close()

    def _make_room(self) -> None:
        for clients in (self._remote, self._local):
            if clients:
                self._disconnect(next(iter(clients)))
                return
        time.sleep(_OUT_OF_DESCRIPTORS_SECONDS)  # others hold all of them, and the selector would report at once

    def _clients_of(self, connection: Connection) -> Clients:
        return self._local if connection.is_local else self._remote


def max_clients() -> int:
    """How many clients of either kind may be connected, by the number of descriptors that this process may have."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return _MAX_CLIENTS
    return max(_MIN_CLIENTS, min(_MAX_CLIENTS, descriptors // _SHARE_OF_DESCRIPTORS))


def _is_local(host: str) -> bool:
    """Whether the address of a client is a loopback address; those of IPv4 may come as IPv6 ones."""
    return host.removeprefix("::ffff:").startswith("127.") or host == "::1"
