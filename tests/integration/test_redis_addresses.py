"""A name with several addresses, of which some are of no use: they never answer, or are of a replica."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.records import a_record
from tests.support.waiting import wait_until
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.demo.servers import HOST, Server, redis, redis_binary, running
from worker.ports import StoreUnavailableError, WriteResult

MUTE = ("127.0.0.2", "127.0.0.3")


@contextmanager
def mute(addresses: Sequence[str], port: int) -> Iterator[None]:
    """At each address the kernel accepts connections, and nobody reads them."""
    with ExitStack() as listening:
        for address in addresses:
            listener = listening.enter_context(socket.socket())
            listener.bind((address, port))
            listener.listen()
        yield


def answers(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


@pytest.mark.parametrize("password", [None, "a-password"], ids=["at the first command", "at the handshake"])
@pytest.mark.parametrize("count", [1, 2])
async def test_each_attempt_goes_to_an_address_that_has_not_failed_since(password: str | None, count: int) -> None:
    with redis(*(["--requirepass", password] if password else [])) as server, mute(MUTE[:count], server.port):
        store = RedisProgressCache(
            Endpoint("redis.example.org", server.port, password=password),
            resolve=lambda _host, _port: [*MUTE[:count], HOST],
            connect_timeout=0.5,
            command_timeout=0.5,
        )
        try:
            for _ in range(2 * count + 1):  # a write may wait for the end of the attempt of the last one
                with suppress(StoreUnavailableError):
                    await store.write(a_record())
                    break
            await store.reset()
            assert await store.write(a_record()) is WriteResult.SAME, "a new connection, and at once to that address"
        finally:
            await store.aclose()


async def test_an_address_that_is_no_primary_is_left_for_the_others(tmp_path: Path) -> None:
    with redis() as server:
        command = [redis_binary(), "--bind", MUTE[0], "--port", str(server.port), "--dir", str(tmp_path)]
        with running(Server("replica", [*command, "--save", "", "--replicaof", HOST, str(server.port)], server.port)):
            await wait_until(lambda: answers(MUTE[0], server.port))
            store = RedisProgressCache(
                Endpoint("redis.example.org", server.port),
                resolve=lambda _host, _port: [MUTE[0], HOST],
                connect_timeout=2,
                command_timeout=2,
            )
            try:
                for call in (lambda: store.write(a_record()), store.probe):  # probes have connections of their own
                    with pytest.raises(StoreUnavailableError, match="not a primary"):
                        await call()
                    await call()
            finally:
                await store.aclose()
