"""The sockets that listen. Where all addresses are served, the loopback address has a socket of its own.

The system keeps a queue of new connections for each socket that listens. ECS and Docker probe from within the
container: in a queue of their own, such probes are not behind a flood of connections from the network.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from contextlib import suppress

from worker.domain.errors import WorkerError

# How many connections may wait to be accepted; Linux allows 4,096 by default (net.core.somaxconn). A client that finds
# the queue full connects again after a second, in which a probe of Kubernetes has failed. A full queue is accepted in
# 0.2 s, at 45 µs each.
_QUEUE_LENGTH = 4096
_LOOPBACK = "127.0.0.1"
_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class CannotListenError(WorkerError):
    """The address is in use, belongs to another machine, or its name is not known.

    `is_due_to_host` says whether no port of this host would do.
    """

    def __init__(self, host: str, port: int, reason: OSError) -> None:
        super().__init__(f"cannot listen on {host}, port {port}: {reason.strerror or 'the name is not known'}")
        self.is_due_to_host = isinstance(reason, socket.gaierror) or reason.errno == errno.EADDRNOTAVAIL


def listen(host: str, port: int) -> Sequence[socket.socket]:
    """Sockets that listen on the address; the last one is bound to `host`. Raises CannotListenError."""
    listener = _tcp_socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        loopback = _listen_on_loopback_beside(listener) if host in _ALL_ADDRESSES else ()
        listener.listen(_QUEUE_LENGTH)
    except OSError as exc:
        listener.close()
        raise CannotListenError(host, port, exc) from exc
    return (*loopback, listener)


def _listen_on_loopback_beside(listener: socket.socket) -> Sequence[socket.socket]:
    """A second socket, for the loopback address alone; none where the system does not allow it.

    Linux gives a connection to the socket with the more specific address. It allows that one only while both have
    SO_REUSEPORT, which the first gets when it is bound already: a port in use is still an error.
    """
    port = listener.getsockname()[1]
    loopback = _tcp_socket(socket.AF_INET)
    with suppress(OSError):
        for each in (listener, loopback):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        loopback.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        loopback.bind((_LOOPBACK, port))
        loopback.listen(_QUEUE_LENGTH)
        return (loopback,)
    loopback.close()
    return ()


def _tcp_socket(family: socket.AddressFamily) -> socket.socket:
    """A socket that says its protocol: by it asyncio knows that TCP_NODELAY is to be set on accepted connections.

    Without that option the second part of an answer waits for the client to confirm the first, mostly for 40 ms.
    """
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
