"""Which connections lead to a key: those to the one server, or, in a cluster, those to the node that has its slot.

Redirections are followed and remembered (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec).
No map of the cluster is fetched: a worker has few keys, and the first write of each finds its node by one redirection.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable, Iterator
from dataclasses import replace

from redis.exceptions import AskError

from worker.adapters.redis.connections import Connections
from worker.adapters.redis.endpoint import Endpoint

SLOTS = 16384


def slot_of(key: str) -> int:
    """The hash slot of a key; of one with a part in braces, the slot of that part."""
    start = key.find("{")
    end = key.find("}", start + 1)
    if start != -1 and end > start + 1:
        key = key[start + 1 : end]
    return crc_hqx(key.encode(), 0) % SLOTS


class Nodes:
    """The server, or the nodes that redirections have named so far. `connect` makes the connections to one of them."""

    def __init__(
        self, endpoint: Endpoint, connect: Callable[[Endpoint], Connections], *, is_cluster: bool = False
    ) -> None:
        self.is_cluster = is_cluster
        self._endpoint = endpoint
        self._connect = connect
        self._seed = connect(endpoint)
        self._by_address: dict[tuple[str, int], Connections] = {}
        self._by_slot: dict[int, Connections] = {}

    def __iter__(self) -> Iterator[Connections]:
        yield self._seed
        yield from self._by_address.values()

    def of(self, key: str) -> Connections:
        return self._by_slot.get(slot_of(key), self._seed) if self.is_cluster else self._seed

    def named_in(self, redirection: AskError) -> Connections:
        """The node that a redirection names; no host means the one of the endpoint."""
        address = (str(redirection.host) or self._endpoint.host, int(redirection.port))
        if address not in self._by_address:
            self._by_address[address] = self._connect(replace(self._endpoint, host=address[0], port=address[1]))
        return self._by_address[address]

    def remember(self, key: str, node: Connections) -> None:
        self._by_slot[slot_of(key)] = node

    def forget(self, key: str) -> None:
        """Forget the node of a key, because it failed: the seed is asked next, and may know of another one."""
        self._by_slot.pop(slot_of(key), None)

    async def aclose(self) -> None:
        """Close all connections, those in use as well."""
        for connections in list(self):
            await connections.aclose()

    async def drop(self) -> None:
        """Close all connections, and forget all redirections."""
        self._by_slot.clear()
        for connections in list(self):
            await connections.drop()
