"""A real Redis and everything that can go wrong with it, each fault with its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis

from tests.support.black_hole import BlackHole
from tests.support.certificate import Certificate
from tests.support.processes import freeze, thaw
from tests.support.switchable_proxy import SwitchableProxy
from worker.adapters.redis.endpoint import Endpoint
from worker.adapters.redis.progress_cache import RedisProgressCache
from worker.demo import servers
from worker.demo.servers import HOST, Server, free_port

PASSWORD = "a-password"
_ANOTHER = "another-password"
NAMED = "redis.test"


class Resolver:
    """Resolves every name to 127.0.0.1, unless it hangs or fails.

    A process that is started with `NAMED` and `environment` has a resolver that hangs at the same time.
    """

    def __init__(self, directory: Path) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.failure: OSError | None = None
        self._hangs = directory / "names-hang"

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(Path(__file__).with_name("hanging_names")), "NAMES_HANG": str(self._hangs)}

    def hang(self) -> None:
        self.answers.clear()
        self._hangs.touch()

    def answer(self) -> None:
        self.answers.set()
        self._hangs.unlink(missing_ok=True)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.answers.wait()
        if self.failure is not None:
            raise self.failure
        return [HOST]


class BreakableRedis:
    """A Redis with a password, a proxy in front of it, and the means to break either."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self.proxy = SwitchableProxy(server.port)
        self.certificate = Certificate(directory)
        self.resolver = Resolver(directory)
        self.black_hole: BlackHole | None = None

    def command(self, *words: str, password: str = PASSWORD) -> Any:
        """Send a command to the server, as an operator types it."""
        with redis.Redis(HOST, self.server.port, password=password, socket_timeout=5) as client:
            return client.execute_command(*words)

    def store(self, *, proxied: bool = False, tls: bool = False, **arguments: Any) -> RedisProgressCache:
        endpoint = Endpoint(
            HOST,
            self.proxy.port if proxied else self.server.port,
            tls=self.certificate.client if tls else None,
            password=PASSWORD,
        )
        return RedisProgressCache(endpoint, resolve=self.resolver, **arguments)


@asynccontextmanager
async def a_breakable_redis() -> AsyncIterator[BreakableRedis]:
    with TemporaryDirectory() as directory, servers.redis("--requirepass", PASSWORD) as server:
        breakable = BreakableRedis(server, Path(directory))
        try:
            yield breakable
        finally:
            breakable.resolver.answer()
            if breakable.black_hole is not None:
                breakable.black_hole.close()
            await breakable.proxy.stop()
            thaw(server)


REFUSED, HUNG = 0.05, 0.35  # seconds

Step = Callable[[BreakableRedis], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Fault:
    """`begin` makes Redis refuse writes or swallow them, `end` makes it take them again.

    `budget_seconds` is how long each of the first writes may take.
    """

    begin: Step
    end: Step
    budget_seconds: float = REFUSED
    is_proxied: bool = False
    has_tls: bool = False
    is_named: bool = False  # concerns those who look the name up


def _operated(*words: str) -> Step:
    async def step(breakable: BreakableRedis) -> None:
        await asyncio.to_thread(breakable.command, *words)

    return step


def _on_server(method: Callable[[Server], None]) -> Step:
    async def step(breakable: BreakableRedis) -> None:
        await asyncio.to_thread(method, breakable.server)

    return step


async def _swallow(breakable: BreakableRedis) -> None:
    await breakable.proxy.stop()
    breakable.black_hole = await asyncio.to_thread(BlackHole, breakable.proxy.port)


async def _swallow_no_more(breakable: BreakableRedis) -> None:
    if breakable.black_hole is not None:
        breakable.black_hole.close()
        breakable.black_hole = None
    await breakable.proxy.start()


async def _change_password(breakable: BreakableRedis) -> None:
    await asyncio.to_thread(breakable.command, "CONFIG", "SET", "requirepass", _ANOTHER)
    await asyncio.to_thread(breakable.command, "CLIENT", "KILL", "TYPE", "normal", password=_ANOTHER)


async def _change_password_back(breakable: BreakableRedis) -> None:
    await asyncio.to_thread(breakable.command, "CONFIG", "SET", "requirepass", PASSWORD, password=_ANOTHER)


async def _to_plaintext(breakable: BreakableRedis) -> None:
    await breakable.proxy.stop()
    await breakable.proxy.start()


async def _to_tls(breakable: BreakableRedis) -> None:
    await breakable.proxy.stop()
    await breakable.proxy.start(breakable.certificate.server())


async def _hang_names(breakable: BreakableRedis) -> None:
    breakable.resolver.hang()
    await asyncio.to_thread(breakable.command, "CLIENT", "KILL", "TYPE", "normal")


async def _answer_names(breakable: BreakableRedis) -> None:
    breakable.resolver.answer()


async def _refuse(breakable: BreakableRedis) -> None:
    await breakable.proxy.stop()


async def _refuse_no_more(breakable: BreakableRedis) -> None:
    await breakable.proxy.start()


FAULTS: dict[str, Fault] = {
    "refused": Fault(_refuse, _refuse_no_more, is_proxied=True),
    "killed": Fault(_on_server(Server.kill), _on_server(Server.start)),
    "frozen": Fault(_on_server(freeze), _on_server(thaw), HUNG),
    "black hole": Fault(_swallow, _swallow_no_more, HUNG, is_proxied=True),
    "demoted": Fault(_operated("REPLICAOF", HOST, str(free_port())), _operated("REPLICAOF", "NO", "ONE")),
    "out of memory": Fault(_operated("CONFIG", "SET", "maxmemory", "1"), _operated("CONFIG", "SET", "maxmemory", "0")),
    "no replicas": Fault(
        _operated("CONFIG", "SET", "min-replicas-to-write", "1"),
        _operated("CONFIG", "SET", "min-replicas-to-write", "0"),
    ),
    "writes paused": Fault(_operated("CLIENT", "PAUSE", "600000", "WRITE"), _operated("CLIENT", "UNPAUSE"), HUNG),
    "wrong password": Fault(_change_password, _change_password_back),
    "TLS client, plaintext server": Fault(_to_plaintext, _to_tls, HUNG, is_proxied=True, has_tls=True),
    "plaintext client, TLS server": Fault(_to_tls, _to_plaintext, HUNG, is_proxied=True),
    "name look-up hangs": Fault(_hang_names, _answer_names, HUNG, is_named=True),
}
