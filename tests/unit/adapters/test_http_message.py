"""Heads of requests, good and bad, and what is sent back."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from worker.adapters.http.message import MAX_HEAD_BYTES, BadRequestError, Request, Response, take_request

HOST = "Host: worker\r\n"


def taken(text: str) -> Request | None:
    return take_request(bytearray(text.encode("latin-1")))


def test_a_request_is_its_method_and_path_without_the_query() -> None:
    assert taken(f"GET /health?verbose=1 HTTP/1.1\r\n{HOST}\r\n") == Request("GET", "/health", keeps_connection=True)


@pytest.mark.parametrize(
    ("head", "path"),
    [
        (f"GET http://worker:8080/livez?a HTTP/1.1\r\n{HOST}\r\n", "/livez"),
        (f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n", "*"),
        (f"\r\n\r\nGET /livez HTTP/1.1\r\n{HOST}\r\n", "/livez"),
        ("GET /livez HTTP/1.1\nHost:worker\n\n", "/livez"),
        ("GET /livez HTTP/1.0\r\n\r\n", "/livez"),
    ],
    ids=["absolute form", "asterisk form", "empty lines in front", "line feeds only", "HTTP/1.0 without a host"],
)
def test_what_the_rfc_allows_is_read(head: str, path: str) -> None:
    request = taken(head)

    assert request is not None
    assert request.path == path


@pytest.mark.parametrize(
    ("head", "keeps_connection"),
    [
        (f"GET / HTTP/1.1\r\n{HOST}\r\n", True),
        (f"GET / HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n", True),
        (f"GET / HTTP/1.1\r\n{HOST}Connection: Keep-Alive, Close\r\n\r\n", False),
        ("GET / HTTP/1.0\r\n\r\n", False),
        (f"GET / HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello", False),
        (f"GET / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
    ],
)
def test_a_connection_is_kept_unless_the_client_says_otherwise_or_sends_a_body(
    head: str, keeps_connection: bool
) -> None:
    request = taken(head)

    assert request is not None
    assert request.keeps_connection is keeps_connection


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r",
        "GET",
        "GET /livez HT",
        "GET /livez HTTP/1.1\r\n",
        f"GET /livez HTTP/1.1\r\n{HOST}",
        f"GET /livez HTTP/1.1\r\n{HOST}\r",
    ],
)
def test_a_head_that_is_not_complete_is_waited_for_and_kept(text: str) -> None:
    received = bytearray(text.encode())

    assert take_request(received) is None
    assert received == text.encode()


def test_only_the_first_request_is_taken_from_what_was_received() -> None:
    second = f"GET /two HTTP/1.1\r\n{HOST}\r\n".encode()
    received = bytearray(f"GET /one HTTP/1.1\r\n{HOST}\r\n".encode() + second)

    take_request(received)

    assert received == second


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("hello\r\n\r\n", 400),
        ("\x16\x03\x01", 400),  # the beginning of a TLS handshake
        ("*3\r\n$4\r\nAUTH\r\n", 400),  # Redis
        ("GET /livez\r\n\r\n", 400),
        (f"GET  /livez HTTP/1.1\r\n{HOST}\r\n", 400),
        (f"GET /a b HTTP/1.1\r\n{HOST}\r\n", 400),
        (f"G(T /livez HTTP/1.1\r\n{HOST}\r\n", 400),
        (f"GET /livez HTTP/11\r\n{HOST}\r\n", 400),
        (f"GET http://[ HTTP/1.1\r\n{HOST}\r\n", 400),
        ("GET /livez HTTP/1.1\r\n\r\n", 400),
        (f"GET /livez HTTP/1.1\r\n{HOST}{HOST}\r\n", 400),
        (f"GET /livez HTTP/1.1\r\n{HOST}no colon\r\n\r\n", 400),
        (f"GET /livez HTTP/1.1\r\n{HOST}X : y\r\n\r\n", 400),
        (f"GET /livez HTTP/1.1\r\n{HOST} folded\r\n\r\n", 400),
        (f"GET /livez HTTP/1.1\r\n{HOST}X: a\x00b\r\n\r\n", 400),
        (f"GET /livez HTTP/2.0\r\n{HOST}\r\n", 505),
        ("GET /" + "a" * MAX_HEAD_BYTES, 414),
        (f"GET /livez HTTP/1.1\r\n{HOST}X: " + "a" * MAX_HEAD_BYTES, 431),
        (f"GET /livez HTTP/1.1\r\n{HOST}X: " + "a" * MAX_HEAD_BYTES + "\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_with_the_status_that_fits(text: str, status: int) -> None:
    with pytest.raises(BadRequestError) as caught:
        taken(text)

    assert caught.value.status == status


def test_a_response_to_head_has_the_length_and_no_body() -> None:
    response = Response(HTTPStatus.OK, b"live\n")

    with_body = response.to_bytes(keeps_connection=True, has_body=True)
    without = response.to_bytes(keeps_connection=True, has_body=False)

    assert with_body.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Length: 5\r\n" in without
    assert with_body == without + b"live\n"
    assert b"Connection: close" not in with_body
