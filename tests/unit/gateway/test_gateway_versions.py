"""Which versions of HTTP the gateway answers (RFC 9110, sections 2.5 and 15.6.6; RFC 9112, section 9.3)."""

from __future__ import annotations

import json

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.gateway_connection import connected, send_answer
from worker.gateway.problems import PROBLEM_JSON
from worker.gateway.versions import MajorVersion


async def greet(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send_answer(send, 200, b"hello")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/0.9\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/2.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",  # a client that speaks HTTP/2 without asking (RFC 9113, section 3.4)
    ],
)
async def test_another_major_version_is_refused_with_a_problem_and_the_connection_is_closed(head: bytes) -> None:
    async with connected(MajorVersion(greet)) as client:
        client.writer.write(head)
        answer = await client.answer()
        rest = await client.reader.read()

    headers, _, body = answer.partition(b"\r\n\r\n")
    assert headers.startswith(b"HTTP/1.1 505 ")
    assert f"content-type: {PROBLEM_JSON}".encode() in headers
    assert b"connection: close" in headers.lower()
    assert json.loads(body)["status"] == 505
    assert rest == b""


@pytest.mark.parametrize("version", [b"1.1", b"1.2", b"1.9"])
async def test_a_later_minor_version_is_answered_as_1_1_and_the_connection_is_kept(version: bytes) -> None:
    async with connected(MajorVersion(greet)) as client:
        for _ in range(2):
            client.writer.write(b"GET / HTTP/" + version + b"\r\nHost: x\r\n\r\n")
            answer = await client.answer()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" not in answer.lower()


@pytest.mark.parametrize("fields", [b"", b"Connection: keep-alive\r\n"])
async def test_to_1_0_the_connection_is_closed_after_the_answer(fields: bytes) -> None:
    async with connected(MajorVersion(greet)) as client:
        client.writer.write(b"GET / HTTP/1.0\r\n" + fields + b"\r\n")
        answer = await client.answer()
        rest = await client.reader.read()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()
    assert rest == b""


@pytest.mark.parametrize("version", [b"http/1.1", b"HTTP/1.10", b"HTTP/1", b"HTTP/11", b"HTTPS/1.1"])
async def test_what_is_no_version_is_a_request_that_cannot_be_read(version: bytes) -> None:
    async with connected(MajorVersion(greet)) as client:
        client.writer.write(b"GET / " + version + b"\r\nHost: x\r\n\r\n")
        answer = await client.answer()

    assert answer.startswith(b"HTTP/1.1 400 ")
