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
        count_unreadable()
        response = _UNREADABLE.response()
        headers = [*response.raw_headers, (b"connection", b"close")]
        head = h11.Response(status_code=response.status_code, headers=headers, reason=HTTPStatus.BAD_REQUEST.phrase)
        for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
