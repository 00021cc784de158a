"""The part of HTTP/1.1 that a server of probes needs: the head of a request, and a whole response.

RFC 9112 (messages) and RFC 9110 (methods, status codes, fields). A body of a request is never read: the connection is
closed after the response instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import urlsplit

MAX_HEAD_BYTES = 8192

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(%s) ([\x21-\x7e\x80-\xff]+) HTTP/(\d)\.(\d)" % _TOKEN)
_BEGINNING = re.compile(rb"\Z|\r\Z|%s" % _TOKEN)
_FIELD = re.compile(rb"(%s):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*" % _TOKEN)
_BODY_FIELDS = ("content-length", "transfer-encoding")


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request. `keeps_connection`: the client may send another one after it."""

    method: str
    path: str
    keeps_connection: bool


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent back; `allow` names the methods where the one of the request is refused."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    allow: str | None = None

    @classmethod
    def of(cls, status: HTTPStatus, *, allow: str | None = None) -> Response:
        """A response that says its status and nothing else."""
        return cls(status, f"{status.phrase}\n".encode(), allow=allow)

    def to_bytes(self, *, keeps_connection: bool, has_body: bool) -> bytes:
        """The response as it is sent; without its body for HEAD, whose Content-Length is that of GET."""
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Date: {formatdate(usegmt=True)}",
            "Server: audio-conversion-worker",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "Cache-Control: no-store",
        ]
        if self.allow is not None:
            lines.append(f"Allow: {self.allow}")
        if not keeps_connection:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        return head + self.body if has_body else head


class BadRequestError(Exception):
    """The bytes are no request that can be answered; `status` says why."""

    def __init__(self, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(status.phrase)
        self.status = status


def take_request(received: bytearray) -> Request | None:
    """Remove the first request from what was received; None while its head is not complete.

    Raises BadRequestError.
    """
    while received[:2] == b"\r\n":  # empty lines before a request are skipped (RFC 9112, section 2.2)
        del received[:2]
    end = _END_OF_HEAD.search(received)
    if (end.start() if end else len(received)) > MAX_HEAD_BYTES:
        has_line = b"\n" in received
        raise BadRequestError(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if has_line else HTTPStatus.REQUEST_URI_TOO_LONG
        )
    if end is None:
        _check_beginning(received)
        return None
    head = bytes(received[: end.start()])
    del received[: end.end()]
    return _request(head)


def _check_beginning(received: bytearray) -> None:
    """Refuse at once what can never become a request: a client of another protocol would wait for an answer."""
    line, has_line, _ = received.partition(b"\n")
    is_possible = _REQUEST_LINE.fullmatch(line.removesuffix(b"\r")) if has_line else _BEGINNING.match(line)
    if not is_possible:
        raise BadRequestError


def _request(head: bytes) -> Request:
    first, *rest = [line.removesuffix(b"\r") for line in head.split(b"\n")]
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise BadRequestError
    method, target, major, minor = line.groups()
    if major != b"1":
        raise BadRequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    is_current = minor != b"0"
    fields = _fields(rest)
    if is_current and len(fields.get("host", ())) != 1:  # RFC 9112, section 3.2
        raise BadRequestError
    options = {option.strip().lower() for value in fields.get("connection", ()) for option in value.split(",")}
    has_body = any(value != "0" for name in _BODY_FIELDS for value in fields.get(name, ()))
    return Request(
        method.decode("ascii"),
        _path(target.decode("latin-1")),
        keeps_connection=is_current and "close" not in options and not has_body,
    )


def _fields(lines: list[bytes]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BadRequestError
        fields.setdefault(field[1].decode("ascii").lower(), []).append(field[2].decode("latin-1"))
    return fields


def _path(target: str) -> str:
    """The path of a target in origin form, or in absolute form (RFC 9112, section 3.2.2)."""
    if target.startswith("/"):
        return target.partition("?")[0]
    try:
        return urlsplit(target).path or "/"
    except ValueError:
        raise BadRequestError from None
