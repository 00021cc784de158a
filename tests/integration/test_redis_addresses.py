"""A name with several addresses, of which some accept connections and never answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.support.records import a_record
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.demo.servers import HOST, redis
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
