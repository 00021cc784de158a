"""HTTP/1.1 as uvicorn speaks it, with its one answer that is no problem document made one."""

from __future__ import annotations

from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from worker.gateway.instruments import count_unreadable
from worker.gateway.problems import ProblemError

_UNREADABLE = ProblemError(HTTPStatus.BAD_REQUEST, "this is no request of HTTP/1.1 that can be read")


class ProblemProtocol(H11Protocol):
    """It is named to uvicorn, which would choose by what is installed beside it."""

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
