"""Progress records in Redis: one hash a job, written by compare-and-set and announced to watchers."""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any

from redis.exceptions import AskError, MovedError, NoScriptError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.adapters.redis.connection import BoundedConnection
from worker.adapters.redis.connections import Connections
from worker.adapters.redis.endpoint import Endpoint, Resolve, resolve
from worker.adapters.redis.errors import NOT_REDIS, store_failure
from worker.adapters.redis.nodes import Nodes
from worker.domain.circuit import Severity
from worker.domain.progress import FINAL, FIRST_RUN, Record
from worker.ports import StoreUnavailableError, WriteResult

MAX_CONNECTIONS = 64
MAX_SUBSCRIPTIONS = 512  # each has a connection of its own; who finds none free polls
EXPIRY_SECONDS = 60  # five checkpoints; the record of a job without a worker expires, and DynamoDB has it
FINAL_SECONDS = 24 * 3600
_CANARY_SECONDS = 60.0
_MAX_REDIRECTIONS = 2

Commands = Sequence[tuple[int | str, ...]]

# Fences stay below 2^53, so Lua's numbers hold them exactly. What is no version is overwritten. What an earlier
# version of the worker wrote has no run: it is of the first. The reply ends with the token of the write, because a
# proxy may send the reply to another one.
_SCRIPT = """
local final = {FINAL}
local function ended(outcome) return outcome .. ' ' .. ARGV[7] end
local held = redis.call('HMGET', KEYS[1], 'fence', 'seq', 'status', 'run')
local fence, seq = tonumber(held[1]), tonumber(held[2])
if fence and seq then
    local new_fence, new_seq = tonumber(ARGV[1]), tonumber(ARGV[2])
    if fence == new_fence and seq == new_seq then return ended('same') end
    if new_fence < fence or (new_fence == fence and new_seq < seq) then return ended('stale') end
    if final[held[3]] then
        local is_next_run = tonumber(ARGV[6]) > (tonumber(held[4]) or 1) and new_fence > fence
        if held[3] == 'completed' or not is_next_run then return ended('stale') end
    end
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'seq', ARGV[2], 'status', ARGV[3], 'record', ARGV[4], 'run', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PUBLISH', KEYS[1], ARGV[4])
return ended('applied')
""".replace("FINAL", ", ".join(f"{status} = true" for status in sorted(FINAL)))
_DIGEST = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_OUTCOMES = {outcome.value.encode(): outcome for outcome in WriteResult}


class RedisProgressCache:
    """A `ProgressCache`. A call is one exchange, which takes at most the time for a connect and that for a command.

    It is repeated where Redis does not know the script, after up to two redirections of a cluster, and once where a
    connection that had served before turns out to be closed, as servers close idle ones. The caller bounds the whole.
    The writes are compare-and-set, so a second one changes nothing.
    """

    name = "redis"
    tick_seconds = 0.25

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        prefix: str = "audio:",
        connect_timeout: float = 0.25,
        command_timeout: float = 0.25,
        connections: int = MAX_CONNECTIONS,
        is_cluster: bool = False,
        resolve: Resolve = resolve,
    ) -> None:
        self.endpoint = str(endpoint)
        self._prefix = prefix
        self._command_seconds = command_timeout
        connect = partial(Connections, connect_seconds=connect_timeout, resolve=resolve)
        self._nodes = Nodes(endpoint, partial(connect, limit=connections), is_cluster=is_cluster)
        self._probes = Nodes(endpoint, partial(connect, limit=1), is_cluster=is_cluster)
        # Apart from the others, so that many watchers leave connections to those who read and write.
        self._subscriptions = connect(endpoint, limit=MAX_SUBSCRIPTIONS)
        self._name = secrets.token_hex(8)
        self._probes_made = 0
        self._writes_made = 0
        self._suspect = ""  # the key of the last write that failed

    async def write(self, record: Record) -> WriteResult:
        version, status = record.version, record.status
        lifetime_ms = 1000 * (FINAL_SECONDS if status.is_final else EXPIRY_SECONDS)
        arguments = (version.fence, version.seq, status.value, record.to_json(), lifetime_ms, record.run)
        key = self._key(record.job_id)
        try:
            return await self._compare_and_set(self._nodes, key, arguments)
        except StoreUnavailableError:
            self._suspect = key
            raise

    async def read(self, job_id: str) -> Record | None:
        try:
            text = await self._call(self._nodes, self._key(job_id), "HGET", self._key(job_id), "record")
        except RedisError as exc:
            raise store_failure(exc) from exc
        try:
            return None if text is None else _record_of(job_id, text)
        except ValueError as exc:
            raise StoreUnavailableError("unreadable record") from exc

    async def probe(self) -> None:
        await self._probes.drop()
        self._probes_made += 1
        arguments = (self._probes_made, 0, "canary", "", round(_CANARY_SECONDS * 1000), FIRST_RUN)
        # In a cluster the braces lead to the node that failed: another one may work.
        canary = f"{self._prefix}canary:{{{self._suspect}}}:{self._name}"
        await self._compare_and_set(self._probes, canary, arguments)

    async def reset(self) -> None:
        await self._subscriptions.drop()
        await self._nodes.drop()

    async def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        connections = self._subscriptions  # a cluster carries messages to all of its nodes
        try:
            connection = await connections.acquire()
        except StoreUnavailableError:
            return
        try:
            await connection.send_command("SUBSCRIBE", self._key(job_id))
            while True:
                # An answer to the subscription, or a message: kind, channel, payload.
                match await connection.read_response(timeout=math.inf):
                    case [b"message", _, payload]:
                        yield _record_of(job_id, payload)
                    case [b"subscribe", _, _]:
                        connection.has_served = True
                    case _:
                        return  # Redis does not answer so
        except Exception:  # noqa: BLE001 - whatever it is, the watcher polls from now on
            return
        finally:
            connections.discard(connection)

    async def aclose(self) -> None:
        await self._subscriptions.aclose()
        await self._nodes.aclose()
        await self._probes.aclose()

    def _key(self, job_id: str) -> str:
        return f"{self._prefix}job:{job_id}"

    async def _compare_and_set(self, nodes: Nodes, key: str, arguments: tuple[int | str, ...]) -> WriteResult:
        self._writes_made += 1
        token = f"{self._name}-{self._writes_made}"
        try:
            try:
                reply = await self._call(nodes, key, "EVALSHA", _DIGEST, 1, key, *arguments, token)
            except NoScriptError:  # after a restart, a failover or SCRIPT FLUSH; EVAL keeps it as well
                reply = await self._call(nodes, key, "EVAL", _SCRIPT, 1, key, *arguments, token)
        except RedisError as exc:
            failure = store_failure(exc)
            if failure.severity is Severity.HARD:  # a demoted primary keeps its connections: leave it, ask DNS again
                nodes.of(key).leave_idle()
            raise failure from exc
        outcome, _, its_token = reply.partition(b" ") if isinstance(reply, bytes) else (b"", b"", b"")
        if outcome not in _OUTCOMES:  # what answers here is not Redis
            raise StoreUnavailableError(NOT_REDIS)
        if its_token != token.encode():  # the one to this command is still to come
            nodes.of(key).drop_idle()
            raise StoreUnavailableError("reply to another command")
        return _OUTCOMES[outcome]

    async def _call(self, nodes: Nodes, key: str, *command: int | str) -> Any:
        """The reply of the node that has the key. Raises StoreUnavailableError, or RedisError as it comes."""
        node, commands = nodes.of(key), [command]
        for _ in range(_MAX_REDIRECTIONS if nodes.is_cluster else 0):
            try:
                return await self._call_at(node, commands)
            except MovedError as exc:
                node, commands = nodes.named_in(exc), [command]
                nodes.remember(key, node)
            except AskError as exc:  # for this once: the slot is on its way there
                node, commands = nodes.named_in(exc), [("ASKING",), command]
            except (StoreUnavailableError, RedisConnectionError):
                nodes.forget(key)
                raise
        return await self._call_at(node, commands)

    async def _call_at(self, connections: Connections, commands: Commands) -> Any:
        connection = await connections.acquire()
        if connection.has_served:
            try:
                return await self._exchange(connections, connection, commands)
            except RedisConnectionError as exc:
                if exc.status_code is not None:  # an error reply after all
                    raise
            connections.drop_idle()
            connection = await connections.acquire()
        return await self._exchange(connections, connection, commands)

    async def _exchange(self, connections: Connections, connection: BoundedConnection, commands: Commands) -> Any:
        """The reply to the last of the commands."""
        is_at_last = False
        try:
            async with asyncio.timeout(self._command_seconds):
                await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                for _ in commands[1:]:
                    await connection.read_response()
                is_at_last = True
                return await connection.read_response()
        except TimeoutError as exc:
            raise StoreUnavailableError("command timeout") from exc
        except RedisError:
            raise
        except Exception as exc:  # of a reply that the library cannot read
            raise store_failure(exc) from exc
        finally:
            if is_at_last:
                connections.release(connection)
            else:  # replies are still to come, and the next command would take them for its own
                connections.discard(connection)


def _record_of(job_id: str, text: bytes) -> Record:
    """The job's record. Raises ValueError where it cannot be read, or is that of another job."""
    record = Record.from_json(text)
    if record.job_id != job_id:  # another program has written it, or the reply is that to another command
        raise ValueError("the record of another job")
    return record
