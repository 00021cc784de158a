"""Connections to Redis, bounded from the look-up of the name to the end of the handshake.

redis-py's own client and pools are not used: by default one write costs up to 59 s, the blocking pool stalls when a
waiter is cancelled (before Python 3.13), and each TLS connection builds a context, which blocks the loop for 50 ms.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from worker.adapters.redis.connection import BoundedConnection
from worker.adapters.redis.endpoint import Endpoint, Resolve
from worker.adapters.redis.errors import store_failure
from worker.adapters.redis.threads import DaemonThreads
from worker.domain.circuit import Severity
from worker.ports import StoreUnavailableError


class Connections:
    """The connections to one server. Idle ones are reused, the newest first; new ones are made one at a time.

    A burst of writers that finds no idle connection waits for the one attempt: its failure is the failure of all of
    them, and after its success most find a connection that another has handed back.
    """

    def __init__(self, endpoint: Endpoint, *, connect_seconds: float, limit: int, resolve: Resolve) -> None:
        self._endpoint = endpoint
        self._connect_seconds = connect_seconds
        self._limit = limit
        self._resolve = resolve
        self._context: ssl.SSLContext | None = None
        self._idle: list[BoundedConnection] = []
        self._in_use: set[BoundedConnection] = set()
        self._attempt: asyncio.Task[StoreUnavailableError | None] | None = None
        self._threads = DaemonThreads()
        self._failed_at: dict[str, float] = {}  # by address, the loop time of its newest failure

    async def acquire(self) -> BoundedConnection:
        """A connected connection, within the time for a connect. Raises StoreUnavailableError."""
        while self._idle and self._idle[-1].has_unread:
            self._idle.pop().close()
        if not self._idle:
            try:
                async with asyncio.timeout(self._connect_seconds):
                    await self._wait_for_idle()
            except TimeoutError as exc:
                raise StoreUnavailableError("connect timeout") from exc
        connection = self._idle.pop()
        self._in_use.add(connection)
        return connection

    def release(self, connection: BoundedConnection) -> None:
        """Hand a connection back. One that failed, is too old, or was in use at a `drop`, is closed."""
        is_young = asyncio.get_running_loop().time() < connection.best_before
        if is_young and connection.is_connected and connection in self._in_use:
            connection.has_served = True
            self._idle.append(connection)
            self._in_use.discard(connection)
        else:
            self.discard(connection)

    def discard(self, connection: BoundedConnection) -> None:
        """Close a connection that is in use."""
        self._in_use.discard(connection)
        if not connection.has_served:
            self._failed(connection.address)
        connection.close()

    def leave_idle(self) -> None:
        """Close idle connections, whose server is of no use, and try their addresses last from now on."""
        for connection in self._idle:
            self._failed(connection.address)
        self.drop_idle()

    def drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    async def aclose(self) -> None:
        """Close all connections, those in use as well."""
        in_use = list(self._in_use)
        await self.drop()
        for connection in in_use:
            connection.close()

    async def drop(self) -> None:
        """Close idle connections, end the attempt, and let no connection that is in use come back."""
        self._in_use.clear()
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
        self.drop_idle()
        await asyncio.sleep(0)  # transports close in the loop's next turn

    async def _wait_for_idle(self) -> None:
        while not self._idle:
            if len(self._in_use) >= self._limit:
                raise StoreUnavailableError("no free connection", Severity.LOCAL)
            if self._attempt is None:
                self._attempt = asyncio.create_task(self._connect(), name="connect to redis")
                self._attempt.add_done_callback(self._attempt_ended)
            attempt = self._attempt
            await asyncio.wait([attempt])
            failure = StoreUnavailableError("connection dropped") if attempt.cancelled() else attempt.result()
            if failure is not None:
                raise StoreUnavailableError(failure.reason, failure.severity) from failure

    async def _connect(self) -> StoreUnavailableError | None:
        # A task of its own, because wait_for may swallow its caller's cancellation before 3.12 (cpython gh-86296).
        try:
            await asyncio.wait_for(self._open(), self._connect_seconds)
        except StoreUnavailableError as exc:
            return exc
        except TimeoutError:
            return StoreUnavailableError("connect timeout")
        except Exception as exc:  # noqa: BLE001 - also what the library makes of a reply that it cannot read
            failure = store_failure(exc)
            failure.__cause__ = exc
            return failure
        return None

    def _attempt_ended(self, _attempt: object) -> None:
        self._attempt = None

    async def _open(self) -> None:
        """Have one more idle connection. Raises what the last address raised.

        The addresses are tried in their order, those behind that have failed, the newest failure last: one may accept
        connections and never answer, which uses up the time of an attempt.
        """
        if self._endpoint.tls is not None and self._context is None:
            self._context = await self._threads.run(self._endpoint.tls)
        endpoint = self._endpoint
        password = endpoint.password if endpoint.token is None else await endpoint.token()
        found = await self._threads.run(lambda: self._resolve(endpoint.host, endpoint.port))
        self._failed_at = {address: at for address, at in self._failed_at.items() if address in found}
        addresses = sorted(found, key=lambda address: self._failed_at.get(address, 0.0))
        share = self._connect_seconds / len(addresses)  # one that swallows packets leaves time for the others
        for address in addresses[:-1]:
            with suppress(OSError):
                await self._open_at(address, password, share)
                return
        await self._open_at(addresses[-1], password, self._connect_seconds)

    async def _open_at(self, address: str, password: str | None, seconds: float) -> None:
        connection = BoundedConnection(
            self._endpoint,
            address,
            password=password,
            context=self._context,
            connect_seconds=seconds,
            best_before=asyncio.get_running_loop().time() + self._endpoint.max_age_seconds,
        )
        try:
            await connection.open()
        except BaseException:  # also where the time is over
            self._failed(address)
            raise
        self._idle.append(connection)  # here, and not as a result that a cancelled wait_for would lose, open as it is

    def _failed(self, address: str) -> None:
        self._failed_at[address] = asyncio.get_running_loop().time()
