"""One connection to Redis: redis-py's, opened to an address that we looked up, and closed at once.

The only module that touches private parts of redis-py. tests/unit/adapters/test_redis_connection.py fails when a new
version of the library has changed them.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from worker.adapters.redis.endpoint import Endpoint


class BoundedConnection(Connection):
    """A connection to one address of the endpoint.

    Private parts of the library are used for three things that it does not offer: `_connection_arguments` and
    `_connect` to connect to that address while TLS checks the endpoint's name; `_parser`, `_reader` and `_writer` to
    close without waiting for anything, and to see without waiting what has come.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        address: str,
        *,
        password: str | None,
        context: ssl.SSLContext | None,
        connect_seconds: float,
        best_before: float,
    ) -> None:
        super().__init__(
            host=endpoint.host,
            port=endpoint.port,
            username=endpoint.username if password else None,
            password=password,
            socket_timeout=None,  # each exchange is bounded as a whole; with one, each send costs a task before 3.12
            socket_connect_timeout=connect_seconds,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,  # RESP3 would add a round trip to the handshake and brings nothing that we use
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        self.has_served = False  # an exchange succeeded: if it is closed now, the server closed it while it was idle
        self.best_before = best_before  # loop time
        self.address = address
        self._tls = context

    @property
    def has_unread(self) -> bool:
        """Whether something has come that nobody asked for. The next command would take it for its reply."""
        parser: Any = self._parser
        stream: Any = self._reader
        return stream is not None and bool(parser._reader.has_data() or stream._buffer)  # noqa: SLF001 - as said above

    async def open(self) -> None:
        """Connect and log in. Raises OSError or RedisError as they come; nothing is left open then."""
        try:
            await self._connect()  # type: ignore[no-untyped-call]
            await self.on_connect()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close at once: neither unsent data nor the end of the TLS session is waited for."""
        if self._writer is not None:
            self._parser.on_disconnect()  # type: ignore[no-untyped-call]
            self._writer.transport.abort()
            self._reader = self._writer = None

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments: dict[str, Any] = {"host": self.address, "port": self.port}
        if self._tls is not None:
            arguments |= {"ssl": self._tls, "server_hostname": self.host}
        return arguments
