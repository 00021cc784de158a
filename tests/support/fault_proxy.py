"""An HTTP proxy in front of an emulated AWS, for what AWS and the way to it may do: one tool for all services.

It runs on a thread of its own, so that a test may block. A call that a fault matches is held, delayed, refused in the
words of AWS, or its answer is cut or never comes, before or after it had its effect. Every call is recorded as it was
on the wire.
"""

from __future__ import annotations

import asyncio
import io
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.support.aws_calls import Call, Matches, aws_error

_HOST = "127.0.0.1"
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "server"}
)
_CHUNK_BYTES = 16 * 1024
_RECORDED_BYTES = 64 * 1024

Answer = Callable[[Call], web.Response]


@dataclass
class Fault:
    """What happens to the calls that match. Delays are in seconds.

    `times` is for how many calls; None is for all. With `answer`, the endpoint gets the call only if it `is_applied`.
    `cut_after_bytes` closes the connection after that many bytes of the answer's body, 0 before its headers.
    """

    matches: Matches
    times: int | None = None
    delay_before: float = 0
    delay_after: float = 0
    answer: Answer | None = None
    is_applied: bool = True
    cut_after_bytes: int | None = None

    def takes(self, call: Call) -> bool:
        """Whether the fault happens to this call; it counts the call if so."""
        if self.times == 0 or not self.matches(call):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FaultProxy:
    """Passes calls on to `endpoint`. Its methods may be called from any thread."""

    def __init__(self, endpoint: str) -> None:
        self.port = 0
        self.calls: list[Call] = []  # all that came, bodies of more than 64 KiB cut there
        self._endpoint = endpoint
        self._faults: list[Fault] = []
        self._holds: Callable[[Call], bool] = lambda _: False
        self._after = False
        self._is_dropped = False
        self._is_cut = False
        self._chunk_seconds = 0.0
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._held = threading.Event()
        self._released = asyncio.Event()
        self._ended = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._scheme = "http"

    @property
    def url(self) -> str:
        return f"{self._scheme}://{_HOST}:{self.port}"

    @contextmanager
    def running(self, tls: ssl.SSLContext | None = None) -> Iterator[FaultProxy]:
        """Run the proxy inside the `with`. With `tls`, TLS ends here, and plain HTTP is passed on."""
        self._scheme = "https" if tls else "http"
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(tls),), name="fault proxy")
        thread.start()
        self._listens.wait()
        try:
            yield self
        finally:
            self.drop()
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join()
            self._loop.close()

    # --- faults of single calls ----------------------------------------------------------------------------------

    def add(self, fault: Fault) -> None:
        """Add a fault. The first fault that matches a call happens to it."""
        self._faults.append(fault)

    def refuse(
        self, matches: Matches, status: int, code: str, *, times: int | None = None, is_applied: bool = False
    ) -> None:
        """Answer with an error of AWS, in the protocol of the call's service."""
        self.answer(matches, lambda call: aws_error(call, status, code), times=times, is_applied=is_applied)

    def answer(self, matches: Matches, answer: Answer, *, times: int | None = None, is_applied: bool = False) -> None:
        """Answer with what the test says."""
        self.add(Fault(matches, times, answer=answer, is_applied=is_applied))

    def delay(self, matches: Matches, *, before: float = 0, after: float = 0, times: int | None = None) -> None:
        """Delay the calls by so many seconds, before or after their effect."""
        self.add(Fault(matches, times, delay_before=before, delay_after=after))

    def cut_answers(self, matches: Matches, *, after_bytes: int = 0, times: int | None = 1) -> None:
        """Let the calls have their effect; close the connection after so many bytes of the answer's body.

        With 0 bytes, aiohttp repeats a GET or PUT once by itself: `times=1` is then not seen by the SDK.
        """
        self.add(Fault(matches, times, cut_after_bytes=after_bytes))

    def hold(self, matches: Matches, *, after: bool = False) -> None:
        """Hold the calls that match; `after`: once they are done, so that only their answers are missing."""
        self._after = after
        self._holds = matches

    def wait_held(self, timeout: float = 15) -> None:
        """Return when a call is held. Raises AssertionError after `timeout` seconds."""
        assert self._held.wait(timeout), "no such call came"

    def release(self) -> None:
        """Let the held calls go on, and hold no later ones."""
        self._loop.call_soon_threadsafe(self._released.set)

    def drop(self) -> None:
        """Drop the held calls, or their answers, and hold no later ones."""
        self._is_dropped = True
        self.release()

    # --- faults of the way ---------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Abort all connections, and each new one with its first call."""
        self._loop.call_soon_threadsafe(self._cut)

    def slow(self, delay_seconds: float) -> None:
        """Delay each chunk of 16 KiB by that long, in both directions."""
        self._chunk_seconds = delay_seconds

    def restore(self) -> None:
        """Pass everything through again: no fault is left. Held calls stay held."""
        self._faults.clear()
        self._is_cut = False
        self._chunk_seconds = 0.0

    def seen(self, action: str) -> list[Call]:
        """The calls of this operation that came, in order."""
        return [call for call in self.calls if call.action == action]

    def _cut(self) -> None:
        self._is_cut = True
        assert self._runner is not None
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _serve(self, tls: ssl.SSLContext | None) -> None:
        application = web.Application(client_max_size=1 << 30)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

            async def handle(request: web.Request) -> web.StreamResponse:
                return await self._handle(session, request)

            application.router.add_route("*", "/{tail:.*}", handle)
            self._runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
            await self._runner.setup()
            await web.TCPSite(self._runner, _HOST, 0, ssl_context=tls).start()
            self.port = self._runner.addresses[0][1]
            self._listens.set()
            await self._ended.wait()
            await self._runner.cleanup()

    async def _handle(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        if self._is_cut:
            _abort(request)
        body = await self._read(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(request.method, request.raw_path, headers, body)
        self.calls.append(Call(call.method, call.path, headers, body[:_RECORDED_BYTES]))
        fault = next((each for each in self._faults if each.takes(call)), None) or Fault(lambda _: True)
        is_held = not self._released.is_set() and self._holds(call)
        if is_held and not self._after:
            await self._hold(request)
        await asyncio.sleep(fault.delay_before)
        if fault.answer is None:
            async with self._passed_on(session, request, body) as answer:
                await self._after_effect(request, fault, is_held=is_held)
                return await self._pass_back(request, answer, fault.cut_after_bytes)
        if fault.is_applied:
            async with self._passed_on(session, request, body) as answer:
                await answer.read()
        await self._after_effect(request, fault, is_held=is_held)
        return fault.answer(call)

    async def _after_effect(self, request: web.Request, fault: Fault, *, is_held: bool) -> None:
        if is_held and self._after:
            await self._hold(request)
        await asyncio.sleep(fault.delay_after)
        if fault.cut_after_bytes == 0:
            _abort(request)

    async def _hold(self, request: web.Request) -> None:
        self._held.set()
        await self._released.wait()
        if self._is_dropped:
            _abort(request)

    async def _read(self, request: web.Request) -> bytes:
        chunks = []
        while chunk := await request.content.read(_CHUNK_BYTES if self._chunk_seconds else -1):
            await asyncio.sleep(self._chunk_seconds)
            chunks.append(chunk)
        return b"".join(chunks)

    def _passed_on(
        self, session: aiohttp.ClientSession, request: web.Request, body: bytes
    ) -> aiohttp.client._RequestContextManager:
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP)
        url = URL(self._endpoint + request.raw_path, encoded=True)
        return session.request(
            request.method,
            url,
            headers=headers,
            data=io.BytesIO(body),
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
        )

    async def _pass_back(
        self, request: web.Request, answer: aiohttp.ClientResponse, cut_after_bytes: int | None
    ) -> web.StreamResponse:
        kept = CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP)
        response = web.StreamResponse(status=answer.status, headers=kept)
        response.content_length = answer.content_length
        left_bytes = cut_after_bytes
        with suppress(ConnectionError):  # the client has gone
            await response.prepare(request)
            while chunk := await answer.content.read(_CHUNK_BYTES):
                await asyncio.sleep(self._chunk_seconds)
                if self._is_cut:
                    _abort(request)
                await response.write(chunk if left_bytes is None else chunk[:left_bytes])
                if left_bytes is not None and (left_bytes := max(0, left_bytes - len(chunk))) == 0:
                    _close(request)
            await response.write_eof()
        return response


def _abort(request: web.Request) -> None:
    """Close the connection as a reset; nothing more is sent."""
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError


def _close(request: web.Request) -> None:
    """Close the connection once what was written has been sent."""
    if request.transport is not None:
        request.transport.close()
    raise asyncio.CancelledError
