"""One connection: its requests are answered one after the other, and its client is never waited for."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from http import HTTPStatus

from worker.adapters.http.message import MAX_HEAD_BYTES, BadRequestError, Request, Response, take_request

OVER = 0  # beside EVENT_READ and EVENT_WRITE of selectors: there is nothing to wait for any more

Respond = Callable[[Request], Response]


class Connection:
    """The connection of one client. It holds at most two heads of requests and one response in memory."""

    def __init__(self, client: socket.socket, respond: Respond, *, is_local: bool) -> None:
        client.setblocking(False)
        self.socket = client
        self.is_local = is_local  # the client is on this machine
        self.responses = 0  # that have been sent completely
        self.is_closing = False  # no request is taken any more, and the response to the last one is sent
        self._respond = respond
        self._received = bytearray()
        self._unsent = b""

    def advance(self) -> int:
        """Go on as far as possible without waiting, by one response at most.

        Returns the event of `selectors` to wait for, or OVER.
        """
        try:
            return self._advance()
        except BlockingIOError:
            return selectors.EVENT_WRITE if self._unsent else selectors.EVENT_READ
        except OSError:  # the client has broken the connection off
            return OVER

    def _advance(self) -> int:
        if self.is_closing and not self._unsent:
            return self._discard()
        if not self._unsent and not self._take():  # a client may have sent several requests at once
            if not self._receive():
                return OVER
            self._take()
        return self._send() if self._unsent else selectors.EVENT_READ

    def _receive(self) -> bool:
        """Read what has arrived. False where the client has closed its side."""
        data = self.socket.recv(MAX_HEAD_BYTES)
        self._received += data
        return bool(data)

    def _take(self) -> bool:
        """Respond to the next request, if its head is complete. Returns whether there is a response to send."""
        if not self._received:  # as of each connection of a flood
            return False
        try:
            request = take_request(self._received)
        except BadRequestError as error:
            self.is_closing = True
            self._unsent = Response.of(error.status).to_bytes(keeps_connection=False, has_body=True)
            return True
        if request is None:
            return False
        response = self._respond(request)
        keeps_connection = request.keeps_connection and response.status is not HTTPStatus.METHOD_NOT_ALLOWED
        self.is_closing = not keeps_connection
        has_body = request.method != "HEAD"
        self._unsent = response.to_bytes(keeps_connection=keeps_connection, has_body=has_body)
        return True

    def _send(self) -> int:
        self._unsent = self._unsent[self.socket.send(self._unsent) :]
        if self._unsent:
            return selectors.EVENT_WRITE
        self.responses += 1
        if self.is_closing:
            self.socket.shutdown(socket.SHUT_WR)
            return selectors.EVENT_READ
        return selectors.EVENT_WRITE if self._received else selectors.EVENT_READ

    def _discard(self) -> int:
        """Wait for the client to close. If its bytes were left unread, the system would reset the connection.

        A reset may overtake the response (RFC 9112, section 9.6).
        """
        return selectors.EVENT_READ if self.socket.recv(MAX_HEAD_BYTES) else OVER
