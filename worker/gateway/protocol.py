"""HTTP/1.1 as uvicorn speaks it, with deadlines for clients, and a problem document for what is no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from worker.gateway.instruments import count_unreadable
from worker.gateway.open_files import Connections
from worker.gateway.problems import ProblemError

_UNREADABLE = ProblemError(HTTPStatus.BAD_REQUEST, "this is no request of HTTP/1.1 that can be read")


class ProblemProtocol(H11Protocol):
    """uvicorn is told to use this class: else it would choose one by the packages that are installed.

    A client is disconnected that has not sent the whole head of a request within `request_seconds`, or what is left
    of a body within as many seconds of its answer, and one that takes nothing of an answer for `answer_seconds`.
    uvicorn alone would wait for each without end. It limits the time between requests; the application limits the
    time for a body that it reads.

    A client that closes its side of the connection once it has sent its requests is answered before it is
    disconnected. uvicorn alone would drop it.
    """

    request_seconds = 10.0
    answer_seconds = 60.0

    def __init__(self, connections: Connections, config: Config, server_state: ServerState) -> None:
        super().__init__(config, server_state, app_state={})
        self._waiting = connections.waiting

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._request = _Deadline(self.loop, self.request_seconds, transport.close)
        self._taking = _Deadline(self.loop, self.answer_seconds, self._require_taking)
        self._untaken = 0  # bytes, when that deadline was set
        self._is_half_closed = False  # the client sends nothing more
        transport.set_write_buffer_limits(high=0)  # `pause_writing` is called where a single byte is not taken at once
        self._request.begin()
        self._waiting[self] = None

    def disconnect(self) -> None:
        """Close the connection at once, whatever has not been sent."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._waiting.pop(self, None)
        self._request.end()
        self._taking.end()

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            data = data.lstrip(b"\r\n")  # empty lines before a request are passed over (RFC 9112, section 2.2)
            if not data:
                return
        is_of_body = self.conn.their_state is h11.SEND_BODY
        super().data_received(data)
        if self._is_answering:
            self._request.end()
            self._waiting.pop(self, None)
        elif is_of_body and self.conn.their_state is h11.IDLE:  # that was the rest: the connection is idle
            self._request.end()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self._request.begin()

    def handle_events(self) -> None:
        """Have h11 read what has come.

        h11 takes empty lines for a request, also where they stand behind a body that came with them. Between two
        requests a new one of its connections reads on as the old one would.
        """
        if self.conn.their_state is h11.IDLE and (begun := self.conn.trailing_data[0]).startswith((b"\r", b"\n")):
            self.conn = h11.Connection(h11.SERVER)
            if not (begun := begun.lstrip(b"\r\n")):
                return
            self.conn.receive_data(begun)
        super().handle_events()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends nothing more. Returns whether the connection stays open for an answer.

        A client that has gone away looks the same. Of an answer that has begun that matters, since it may be a stream
        without an end: it is ended. Others come soon.
        """
        if self.conn.their_state is h11.SEND_BODY:
            self.send_400_response("")
        self._is_half_closed = True
        return self._is_answering and not self.cycle.response_started and not self.transport.is_closing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._is_answering and not self.transport.is_closing():
            self._waiting[self] = None
        if self._is_half_closed and not self._is_answering:
            self.transport.close()
        elif not self._is_answering and self.conn.their_state is h11.SEND_BODY:
            self._request.begin()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taking.end()

    def _expect_taking(self) -> None:
        self._untaken = self.transport.get_write_buffer_size()
        self._taking.begin()

    def _require_taking(self) -> None:
        if self.transport.get_write_buffer_size() < self._untaken:  # slowly, but it does
            self._expect_taking()
        else:
            self.transport.abort()  # `close` would wait until all of it is taken

    def send_400_response(self, msg: str) -> None:
        """Refuse what came instead of a request, or of the rest of one, and close the connection.

        Where the answer to that request has begun, nothing is sent: no other one can follow it.
        """
        match self.conn.our_state:
            case h11.IDLE:
                count_unreadable()
                self._send_refusal(has_body=True)
            case h11.SEND_RESPONSE:  # the application has the head: what it answers is counted there, and not sent
                self.cycle.disconnected = True
                self.cycle.message_event.set()
                self._send_refusal(has_body=self.scope["method"] != "HEAD")
        self.transport.close()

    def _send_refusal(self, *, has_body: bool) -> None:
        response = _UNREADABLE.response()
        headers = [*response.raw_headers, (b"connection", b"close")]
        head = h11.Response(status_code=response.status_code, headers=headers, reason=HTTPStatus.BAD_REQUEST.phrase)
        body = [h11.Data(data=bytes(response.body))] if has_body else []
        for event in (head, *body, h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")


class _Deadline:
    """Calls `missed` when it has not ended within `seconds` of its beginning."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, missed: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._missed = missed
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin, unless it has begun already: one deadline is for all of what is waited for."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._miss)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _miss(self) -> None:
        self._timer = None
        self._missed()
