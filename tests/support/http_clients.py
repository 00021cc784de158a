"""Clients that an HTTP server must not suffer from, in a process of their own, and probes beside them."""

from __future__ import annotations

import http.client
import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.support.processes import a_process

SLOW_CLIENTS = 5000


@contextmanager
def slow_clients(port: int) -> Iterator[None]:
    """Connect 5,000 clients that have begun a request and add a byte now and then."""
    with _clients("slow", port):
        yield


@contextmanager
def flood(port: int) -> Iterator[None]:
    """Open one connection after the other, as fast as possible, and close each at once."""
    with _clients("flood", port):
        yield


@contextmanager
def _clients(kind: str, port: int) -> Iterator[None]:
    with a_process([sys.executable, "-m", "tests.support.http_clients", kind, str(port)]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield


def probe_seconds(port: int, path: str) -> float:
    """How long one probe takes, with a connection of its own. Raises where it is not answered with 200."""
    began_at = time.perf_counter()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    return time.perf_counter() - began_at


def _be_slow(port: int) -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    clients = []
    for _ in range(min(SLOW_CLIENTS, limit - 100)):
        clients.append(socket.create_connection(("127.0.0.1", port)))
        clients[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: wor")
    _say_begun()
    while True:
        for number, client in enumerate(clients):
            try:
                client.sendall(b"k")
            except OSError:
                client.close()
                clients[number] = socket.create_connection(("127.0.0.1", port))
            time.sleep(0.001)


def _flood(port: int) -> None:
    _say_begun()
    while True:
        socket.create_connection(("127.0.0.1", port)).close()


def _say_begun() -> None:
    sys.stdout.write("begun\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"slow": _be_slow, "flood": _flood}[sys.argv[1]](int(sys.argv[2]))
