"""Progress records in Redis: one hash a job, written by compare-and-set and announced to watchers."""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from collections.abc import AsyncGenerator
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from worker.adapters.redis_connections import BoundedConnection, Connections, Endpoint, Resolve, resolve
from worker.adapters.redis_errors import store_failure
from worker.domain.circuit import Severity
from worker.domain.progress import FINAL, Record
from worker.ports import Outcome, StoreUnavailableError

MAX_CONNECTIONS = 64
LIVE_SECONDS = 60.0  # five checkpoints: a job that nobody works on disappears, and DynamoDB knows better
FINAL_SECONDS = 24 * 3600.0
_CANARY_SECONDS = 60.0

# Fences stay below 2^53, so Lua's numbers hold them exactly.
_SCRIPT = """
local final = {FINAL}
local held = redis.call('HMGET', KEYS[1], 'fence', 'seq', 'status')
if held[1] then
    local fence, seq = tonumber(held[1]), tonumber(held[2])
    local new_fence, new_seq = tonumber(ARGV[1]), tonumber(ARGV[2])
    if fence == new_fence and seq == new_seq then return 'same' end
    if final[held[3]] or new_fence < fence or (new_fence == fence and new_seq < seq) then return 'stale' end
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'seq', ARGV[2], 'status', ARGV[3], 'record', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PUBLISH', KEYS[1], ARGV[4])
return 'applied'
""".replace("FINAL", ", ".join(f"{status} = true" for status in sorted(FINAL)))
_DIGEST = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_OUTCOMES = {outcome.value.encode(): outcome for outcome in Outcome}


class RedisStore:
    """An `AcceleratorStore`. Each call makes one exchange, within the time for a connect and that for a command.

    It retries in one case, which costs nothing and risks nothing: a connection that had served before turns out to be
    closed, as servers close idle ones. The writes are compare-and-set, so a second one changes nothing.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        prefix: str = "audio:",
        connect_timeout: float = 0.25,
        command_timeout: float = 0.25,
        live_seconds: float = LIVE_SECONDS,
        final_seconds: float = FINAL_SECONDS,
        connections: int = MAX_CONNECTIONS,
        resolve: Resolve = resolve,
    ) -> None:
        self._prefix = prefix
        self._command_seconds = command_timeout
        self._live_ms = round(live_seconds * 1000)
        self._final_ms = round(final_seconds * 1000)
        self._connections = Connections(endpoint, connect_seconds=connect_timeout, limit=connections, resolve=resolve)
        self._probes = Connections(endpoint, connect_seconds=connect_timeout, limit=1, resolve=resolve)
        self._canary = f"{prefix}canary:{secrets.token_hex(8)}"
        self._probes_made = 0

    async def write(self, record: Record) -> Outcome:
        version, status = record.version, record.status
        lifetime_ms = self._final_ms if status.is_final else self._live_ms
        return await self._compare_and_set(
            self._connections,
            self._key(record.job_id),
            (version.fence, version.seq, status.value, record.to_json(), lifetime_ms),
        )

    async def read(self, job_id: str) -> Record | None:
        try:
            text = await self._call(self._connections, "HGET", self._key(job_id), "record")
        except RedisError as exc:
            raise store_failure(exc) from exc
        try:
            return None if text is None else Record.from_json(text)
        except ValueError as exc:
            raise StoreUnavailableError("unreadable record") from exc

    async def probe(self) -> None:
        await self._probes.drop()
        self._probes_made += 1
        arguments = (self._probes_made, 0, "canary", "", round(_CANARY_SECONDS * 1000))
        await self._compare_and_set(self._probes, self._canary, arguments)

    async def reset(self) -> None:
        await self._connections.drop()

    async def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        try:
            connection = await self._connections.acquire()
        except StoreUnavailableError:
            return
        try:
            await connection.send_command("SUBSCRIBE", self._key(job_id))
            while True:
                # An answer to the subscription, or a message: kind, channel, payload.
                kind, _, payload = await connection.read_response(timeout=math.inf)
                if kind == b"message":
                    yield Record.from_json(payload)
        except (RedisError, OSError, ValueError):
            return
        finally:
            self._connections.discard(connection)

    async def aclose(self) -> None:
        await self._connections.drop()
        await self._probes.drop()

    def _key(self, job_id: str) -> str:
        return f"{self._prefix}job:{job_id}"

    async def _compare_and_set(self, connections: Connections, key: str, arguments: tuple[int | str, ...]) -> Outcome:
        try:
            try:
                reply = await self._call(connections, "EVALSHA", _DIGEST, 1, key, *arguments)
            except NoScriptError:  # after a restart, a failover or SCRIPT FLUSH; EVAL keeps it as well
                reply = await self._call(connections, "EVAL", _SCRIPT, 1, key, *arguments)
        except RedisError as exc:
            failure = store_failure(exc)
            if failure.severity is Severity.HARD:  # a demoted primary keeps its connections: leave it, ask DNS again
                connections.drop_idle()
            raise failure from exc
        if not isinstance(reply, bytes) or reply not in _OUTCOMES:  # whoever this is, it is not Redis
            raise StoreUnavailableError("unexpected reply")
        return _OUTCOMES[reply]

    async def _call(self, connections: Connections, *command: int | str) -> Any:
        """The server's reply. Raises StoreUnavailableError, or RedisError as it comes."""
        connection = await connections.acquire()
        if connection.has_served:
            try:
                return await self._exchange(connections, connection, command)
            except RedisConnectionError as exc:
                if exc.status_code is not None:  # an error reply after all
                    raise
            connections.drop_idle()
            connection = await connections.acquire()
        return await self._exchange(connections, connection, command)

    async def _exchange(
        self, connections: Connections, connection: BoundedConnection, command: tuple[int | str, ...]
    ) -> Any:
        try:
            async with asyncio.timeout(self._command_seconds):
                await connection.send_packed_command(connection.pack_command(*command), check_health=False)
                return await connection.read_response()
        except TimeoutError as exc:
            raise StoreUnavailableError("command timeout") from exc
        finally:
            connections.release(connection)
