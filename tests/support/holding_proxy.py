"""An HTTP proxy, on a thread of its own, that holds a call until the test lets it go on: so the stage is known."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "server"}
)


@dataclass(frozen=True)
class Call:
    """A request. `action` is the last part of X-Amz-Target, or the method where there is none."""

    action: str
    path: str  # with the query
    body: bytes


class HoldingProxy:
    """Passes calls on to `endpoint`; those that match wait before they are passed on, or before their answers."""

    def __init__(self, endpoint: str) -> None:
        self.port = 0
        self._endpoint = endpoint
        self._matches: Callable[[Call], bool] = lambda _: False
        self._after = False
        self._is_dropped = False
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._held = threading.Event()
        self._released = asyncio.Event()
        self._ended = asyncio.Event()

    @contextmanager
    def running(self) -> Iterator[HoldingProxy]:
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="holding proxy")
        thread.start()
        self._listens.wait()
        try:
            yield self
        finally:
            self.drop()
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join()
            self._loop.close()

    def hold(self, matches: Callable[[Call], bool], *, after: bool = False) -> None:
        """Hold the calls that match; `after`: once they are done, so that only their answers are missing."""
        self._after = after
        self._matches = matches

    def wait_held(self, timeout: float = 15) -> None:
        """Return when a call is held. Raises AssertionError."""
        assert self._held.wait(timeout), "no such call came"

    def release(self) -> None:
        """Let the held calls go on, and hold no later ones."""
        self._loop.call_soon_threadsafe(self._released.set)

    def drop(self) -> None:
        """Drop the held calls, or their answers, and hold no later ones."""
        self._is_dropped = True
        self.release()

    async def _serve(self) -> None:
        application = web.Application(client_max_size=1 << 30)
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def handle(request: web.Request) -> web.StreamResponse:
                return await self._handle(session, request)

            application.router.add_route("*", "/{tail:.*}", handle)
            runner = web.AppRunner(application, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.port = runner.addresses[0][1]
            self._listens.set()
            await self._ended.wait()
            await runner.cleanup()

    async def _handle(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        action = request.headers.get("X-Amz-Target", request.method).rpartition(".")[2]
        is_held = not self._released.is_set() and self._matches(Call(action, request.raw_path, body))
        if is_held and not self._after:
            await self._hold(request)
        answer = await self._pass_on(session, request, body)
        if is_held and self._after:
            await self._hold(request)
        return answer

    async def _hold(self, request: web.Request) -> None:
        self._held.set()
        await self._released.wait()
        if self._is_dropped:
            if request.transport is not None:
                request.transport.abort()
            raise asyncio.CancelledError

    async def _pass_on(self, session: aiohttp.ClientSession, request: web.Request, body: bytes) -> web.Response:
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP)
        url = URL(self._endpoint + request.raw_path, encoded=True)
        async with session.request(
            request.method, url, headers=headers, data=io.BytesIO(body), skip_auto_headers=("Content-Type",)
        ) as answer:
            kept = CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP)
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)
