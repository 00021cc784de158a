"""Requests in absolute form, as clients send them that take the gateway for a proxy (RFC 9112, section 3.2.2)."""

from __future__ import annotations

import json

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.gateway_connection import connected, send_answer
from worker.gateway.targets import OriginForm


async def show(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with what the application sees of the request."""
    hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
    seen = {
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "hosts": hosts,
    }
    await send_answer(send, 200, json.dumps(seen).encode())


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query", "host"),
    [
        ("/jobs/a%20b?limit=1", "/jobs/a b", "/jobs/a%20b", "limit=1", "sent.example"),
        ("http://named.example/jobs/a%20b?limit=1", "/jobs/a b", "/jobs/a%20b", "limit=1", "named.example"),
        ("HTTPS://named.example:8081/jobs", "/jobs", "/jobs", "", "named.example:8081"),
        ("http://[::1]:8081/", "/", "/", "", "[::1]:8081"),
        ("http://named.example", "/", "/", "", "named.example"),
        ("http://named.example?limit=1", "/", "/", "limit=1", "named.example"),
        ("/http://named.example/jobs", "/http://named.example/jobs", "/http://named.example/jobs", "", "sent.example"),
        ("http:///jobs", "http:///jobs", "http:///jobs", "", "sent.example"),
        ("http://user@named.example/", "http://user@named.example/", "http://user@named.example/", "", "sent.example"),
        ("ftp://named.example/", "ftp://named.example/", "ftp://named.example/", "", "sent.example"),
        ("*", "*", "*", "", "sent.example"),
    ],
)
async def test_the_path_and_the_host_are_those_of_the_target(
    target: str, path: str, raw_path: str, query: str, host: str
) -> None:
    async with connected(OriginForm(show)) as client:
        client.writer.write(f"GET {target} HTTP/1.1\r\nHost: sent.example\r\n\r\n".encode())
        answer = await client.answer()

    seen = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert seen == {"path": path, "raw_path": raw_path, "query": query, "hosts": [host]}
