"""Clients that are slow, send too much or nothing, or are many: none of them keeps others from an answer."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from types import SimpleNamespace
from typing import Any

import pytest

from worker.adapters.http import CannotListenError, HttpServer
from worker.adapters.http.loop import max_clients

HOST = b"Host: worker\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
LONG_BODY = b"x" * 20_000_000  # more than sockets hold


class Metrics:
    """Counts how often it is rendered; the first time waits for `may_render`."""

    def __init__(self) -> None:
        self.may_render = threading.Event()
        self.may_render.set()
        self.renders = 0
        self.body = b"metrics\n"

    def render(self) -> tuple[bytes, str]:
        assert self.may_render.wait(10)
        self.renders += 1
        return self.body, "text/plain"


@pytest.fixture(name="metrics")
def metrics_fixture() -> Metrics:
    return Metrics()


@pytest.fixture(name="serve")
def serve_fixture(metrics: Metrics) -> Iterator[Callable[..., int]]:
    """Starts a server; returns its port."""
    with ExitStack() as stack:

        def serve(host: str = "127.0.0.1", port: int = 0, **options: Any) -> int:
            health = SimpleNamespace(is_live=True, is_ready=True, to_dict=dict)
            server = HttpServer(host, port, health=lambda: health, render_metrics=metrics.render, **options)
            server.start()
            stack.callback(server.close)
            return int(server.address.rpartition(":")[2])

        yield serve


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=10)


def ask(port: int, request: bytes = LIVEZ, *, host: str = "127.0.0.1") -> bytes:
    """All that is answered to a client that sends the request and then the end."""
    with closing(connect(port, host)) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return received_from(client)


def is_closed_unanswered(client: socket.socket) -> bool:
    """A reset, and not an end, where the server closes before it has read what was sent (RFC 1122, 4.2.2.13)."""
    try:
        return client.recv(1000) == b""
    except ConnectionResetError:
        return True


def received_from(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(1 << 16), b""))


def drip(client: socket.socket) -> None:
    """Send a little of a request again and again, ten seconds long or until the server has had enough."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        client.sendall(b"X: y\r\n")
        time.sleep(0.01)


def a_flood(port: int, host: str, stack: ExitStack) -> int:
    """Connect until the server's queue is full. Returns how many connections it took."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    for number in range(10_000):
        client = stack.enter_context(closing(socket.socket()))
        client.settimeout(0.2)
        try:
            client.connect((host, port))
        except OSError:  # no answer in time, or no more descriptors
            return number
    raise AssertionError("the queue has no end")


def status_of(answer: bytes) -> int:
    return int(answer.split()[1])


def test_a_request_may_come_byte_by_byte(serve: Callable[..., int]) -> None:
    with closing(connect(serve())) as client:
        for byte in LIVEZ:
            client.sendall(bytes([byte]))

        assert client.recv(1000).endswith(b"live\n")


def test_requests_that_are_sent_together_are_answered_in_their_order(serve: Callable[..., int]) -> None:
    answers = ask(serve(), LIVEZ + LIVEZ.replace(b"livez", b"readyz") + LIVEZ.replace(b"livez", b"nothing"))

    assert [line for line in answers.split(b"\r\n") if line.startswith((b"HTTP", b"live", b"ready"))] == [
        b"HTTP/1.1 200 OK",
        b"live\nHTTP/1.1 200 OK",
        b"ready\nHTTP/1.1 404 Not Found",
    ]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET /" + b"a" * 100_000, 414),
        (b"GET /livez HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 100_000 + b"\r\n", 431),
        (b"DELETE /livez HTTP/1.1\r\n" + HOST + b"\r\n", 405),
        (b"POST /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n" + b"a" * 100_000, 405),
    ],
)
def test_a_refusal_is_read_by_its_client_though_the_request_was_longer(
    serve: Callable[..., int], request_bytes: bytes, status: int
) -> None:
    answer = ask(serve(), request_bytes)

    assert status_of(answer) == status
    assert answer.count(b"HTTP/1.1") == 1
    assert b"\r\nConnection: close\r\n" in answer


def test_a_client_has_one_deadline_for_its_whole_request(serve: Callable[..., int]) -> None:
    port = serve(client_seconds=0.3)
    with closing(connect(port)) as client:
        began_at = time.monotonic()
        client.sendall(b"GET /livez HTTP/1.1\r\n")

        with pytest.raises(ConnectionError):
            drip(client)

        assert time.monotonic() - began_at < 5
    assert status_of(ask(port)) == 200


def test_a_client_that_does_not_read_its_answer_is_disconnected(serve: Callable[..., int], metrics: Metrics) -> None:
    metrics.body = LONG_BODY
    port = serve(client_seconds=0.3)
    with closing(connect(port)) as client:
        client.sendall(LIVEZ.replace(b"livez", b"metrics"))

        with pytest.raises(ConnectionError):
            drip(client)

    assert status_of(ask(port)) == 200


def test_a_client_that_asks_again_and_again_has_the_full_time_for_each_request(serve: Callable[..., int]) -> None:
    port = serve(client_seconds=0.5)
    with closing(connect(port)) as client:
        began_at = time.monotonic()
        while time.monotonic() < began_at + 1.2:
            client.sendall(LIVEZ)

            assert client.recv(1000).endswith(b"live\n")


def test_the_oldest_unfinished_client_makes_room_for_the_newest(serve: Callable[..., int]) -> None:
    port = serve()
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(connect(port))) for _ in range(max_clients() + 20)]
        for client in clients:
            client.sendall(b"GET /livez HTTP/1.1\r\n")

        assert status_of(ask(port)) == 200
        clients[-1].sendall(HOST + b"\r\n")

        assert is_closed_unanswered(clients[0])
        assert status_of(clients[-1].recv(1000)) == 200


def test_many_times_the_clients_that_can_be_kept_make_no_probe_fail(serve: Callable[..., int]) -> None:
    port = serve()
    with ExitStack() as stack:
        for number in range(4 * max_clients()):
            client = stack.enter_context(closing(connect(port)))
            client.sendall(b"GET /livez HT")
            if number % 50 == 0:
                assert status_of(ask(port)) == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_a_port_on_which_all_addresses_are_served_is_in_use_for_others(serve: Callable[..., int], host: str) -> None:
    port = serve("0.0.0.0")

    assert [status_of(ask(port, host=each)) for each in ("127.0.0.1", "127.0.0.2")] == [200, 200]
    with pytest.raises(CannotListenError, match="Address already in use"):
        serve(host, port=port)


def test_connections_to_the_loopback_address_have_a_queue_of_their_own(
    serve: Callable[..., int], metrics: Metrics
) -> None:
    port = serve("0.0.0.0")
    metrics.may_render.clear()
    with ExitStack() as stack:
        stack.callback(metrics.may_render.set)
        stack.enter_context(closing(connect(port))).sendall(LIVEZ.replace(b"livez", b"metrics"))
        flood = a_flood(port, "127.0.0.2", stack)

        with closing(connect(port)) as probe:  # while one more of the others would have to try again after a second
            probe.sendall(LIVEZ)  # before the others are accepted, who may take the place of one that has sent nothing
            metrics.may_render.set()

            assert status_of(probe.recv(1000)) == 200
        assert flood > 100


def test_metrics_are_rendered_once_for_all_who_ask_at_the_same_time(
    serve: Callable[..., int], metrics: Metrics
) -> None:
    port = serve()
    metrics.may_render.clear()
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(connect(port))) for _ in range(30)]
        for client in clients:
            client.sendall(LIVEZ.replace(b"livez", b"metrics"))
        metrics.may_render.set()

        assert {status_of(client.recv(1000)) for client in clients} == {200}
    assert metrics.renders < 5


def test_closing_waits_for_no_client(serve: Callable[..., int], metrics: Metrics) -> None:
    health = SimpleNamespace(is_live=True, is_ready=True, to_dict=dict)
    server = HttpServer("127.0.0.1", 0, health=lambda: health, render_metrics=metrics.render)
    server.start()
    with closing(connect(int(server.address.rpartition(":")[2]))) as client:
        client.sendall(b"GET /livez HT")
        began_at = time.monotonic()

        server.close()

        assert time.monotonic() - began_at < 2
        assert is_closed_unanswered(client)
