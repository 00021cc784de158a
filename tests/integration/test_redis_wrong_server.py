"""What answers is not a Redis that takes our writes: it is named, and there is advice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis

from tests.support.certificate import Certificate
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.application.operations.diagnosis import judge_cache
from worker.demo import servers
from worker.demo.servers import HOST, Server, free_port
from worker.ports import StoreUnavailableError


@contextmanager
def an_http_server() -> Iterator[int]:
    with ThreadingHTTPServer((HOST, 0), BaseHTTPRequestHandler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def a_sentinel(directory: Path) -> Iterator[int]:
    port = free_port()
    configuration = directory / "sentinel.conf"
    configuration.write_text(f"port {port}\nbind {HOST}\ndir {directory}\n")
    command = [servers.redis_binary(), str(configuration), "--sentinel"]
    with servers.running(Server("sentinel", command, port)) as server:
        yield server.port


async def problem_of(endpoint: Endpoint) -> tuple[str, str]:
    """What the doctor says: the problem, and what to do."""
    cache = RedisProgressCache(endpoint, connect_timeout=5, command_timeout=5)
    try:
        with pytest.raises(StoreUnavailableError) as caught:
            await cache.probe()
    finally:
        await cache.aclose()
    verdict = judge_cache(cache.name, caught.value.reason)
    assert verdict.advice is not None
    return verdict.detail, verdict.advice


@pytest.mark.parametrize("password", [None, "a-password"])
async def test_the_port_of_an_http_server_is_named(password: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    with an_http_server() as port:
        problem, advice = await problem_of(Endpoint(HOST, port, password=password))

    assert problem == "not Redis: unexpected reply"
    assert "REDIS_PORT" in advice


@pytest.mark.parametrize(
    ("password", "problem"),
    [(None, "unknown command, as if to a sentinel"), ("a-password", "no password is set there")],
)
async def test_the_port_of_a_sentinel_is_named(password: str | None, problem: str, tmp_path: Path) -> None:
    with a_sentinel(tmp_path) as port:
        found, advice = await problem_of(Endpoint(HOST, port, password=password))

    assert found == problem
    assert "REDIS_PORT" in advice


@pytest.mark.parametrize(
    ("certificate", "problem", "advice_part"),
    [
        ({"days": (-9, -1)}, "TLS certificate expired", "renew"),
        ({"days": (1, 9)}, "TLS certificate not yet valid", "clocks"),
        ({"host": "127.0.0.2"}, "TLS certificate of another name", "REDIS_ENDPOINT"),
        ({}, "TLS certificate not trusted", "SSL_CERT_FILE"),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_named(
    certificate: dict[str, Any], problem: str, advice_part: str, tmp_path: Path
) -> None:
    shown = Certificate(tmp_path, **certificate)
    (tmp_path / "trusted").mkdir()
    trusted = shown if certificate else Certificate(tmp_path / "trusted")
    async with await asyncio.start_server(_closed, HOST, 0, ssl=shown.server()) as server:
        port = server.sockets[0].getsockname()[1]
        found, advice = await problem_of(Endpoint(HOST, port, tls=trusted.client))

    assert found == problem
    assert advice_part in advice


def _closed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("rights", "problem", "advice_part"),
    [
        ("~* +@all resetchannels", "permission denied for channels", "&audio:*"),
        ("~other:* +@all allchannels", "permission denied", "under WORKER_REDIS_PREFIX"),
        ("~* +@all -publish allchannels", "permission denied", "publish"),
        ("~* +@all -evalsha allchannels", "permission denied", "under WORKER_REDIS_PREFIX"),
    ],
)
async def test_the_right_that_a_user_lacks_is_named(rights: str, problem: str, advice_part: str) -> None:
    with servers.redis() as server:
        with redis.Redis(HOST, server.port) as operator:
            operator.execute_command("ACL", "SETUSER", "worker", "on", ">a-password", *rights.split())

        found, advice = await problem_of(Endpoint(HOST, server.port, username="worker", password="a-password"))

    assert found == problem
    assert advice_part in advice
