"""`worker serve` is stopped, also while a request has no answer yet."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from tests.support.budgets import check_budget
from tests.support.gateway import GatewayProcess
from tests.support.stack import Stack


def test_a_signal_ends_it_with_0(stack: Stack, start_gateway: Callable[..., GatewayProcess]) -> None:
    gateway = start_gateway(stack)

    gateway.process.signal(signal.SIGTERM)

    assert gateway.process.wait() == 0
    assert [line["event"] for line in gateway.process.lines if line["event"].startswith("gateway.")] == [
        "gateway.started",
        "gateway.draining",
        "gateway.stopped",
    ]
    assert gateway.process.errors == ""


def test_a_request_whose_body_does_not_end_is_answered_with_a_problem_and_the_gateway_ends_within_five_seconds(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(stack)
    address = urlsplit(gateway.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 0), timeout=20) as client:
        head = f"POST /jobs HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: 100\r\nExpect: 100-continue\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")  # the body is waited for
        client.sendall(b"{")
        began_at = time.monotonic()

        gateway.process.signal(signal.SIGTERM)

        answer = b""
        with suppress(ConnectionError):
            while received := client.recv(10_000):
                answer += received
    exit_code = gateway.process.wait()
    took = time.monotonic() - began_at

    first, *headers = answer.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert first.startswith("http/1.1 503 ")
    assert {"content-type: application/problem+json", "retry-after: 2", "connection: close"} <= set(headers)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"] == "this gateway stops"
    assert [line["event"] for line in gateway.process.lines if line["level"] in {"warning", "error"}] == []
    assert exit_code == 0
    check_budget(took, 5)
