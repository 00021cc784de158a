"""What the gateway makes of bytes that are no HTTP, at each moment of a request and its answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.gateway_connection import connected, send_answer
from tests.support.waiting import wait_until
from worker.gateway.instruments import REGISTRY, Measured

POST = b"POST /jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_CHUNK = b"zz\r\n"


def answers_counted() -> float:
    """How many answers the metrics have, whatever they were."""
    (family,) = (each for each in REGISTRY.collect() if each.name == "gateway_requests")
    return sum(sample.value for sample in family.samples if sample.name == "gateway_requests_total")


@pytest.fixture(autouse=True)
def _no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send_answer(send, 401)


async def test_after_an_early_answer_the_connection_is_closed() -> None:
    before = answers_counted()

    async with connected(Measured(refuse)) as client:
        client.writer.write(POST)
        answer = await client.answer()
        client.writer.write(NO_CHUNK)
        rest = await client.reader.read()

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert rest == b""
    assert answers_counted() == before + 1


async def test_beneath_an_answer_that_has_begun_the_connection_is_closed() -> None:
    before = answers_counted()

    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"event", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    async with connected(Measured(stream)) as client:
        client.writer.write(POST)
        await client.reader.readuntil(b"event")
        client.writer.write(NO_CHUNK)
        rest = await client.reader.read()

    assert rest == b"\r\n"  # the end of the event's chunk
    assert answers_counted() == before + 1


async def test_before_the_answer_it_is_a_problem_and_the_application_is_told_that_the_client_has_left() -> None:
    before = answers_counted()
    received = []

    async def read(_scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            received.append(message["body"])
        await send_answer(send, 408)

    async with connected(Measured(read)) as client:
        client.writer.write(POST + b"1\r\n{\r\n")
        await wait_until(lambda: received)
        client.writer.write(NO_CHUNK)
        answer = await client.answer()
        rest = await client.reader.read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert rest == b""
    assert answers_counted() == before + 1


async def test_one_that_comes_with_its_head_is_answered_once() -> None:
    before = answers_counted()

    async with connected(Measured(refuse)) as client:
        client.writer.write(POST + NO_CHUNK)
        answer = await client.answer()
        rest = await client.reader.read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert rest == b""
    assert answers_counted() == before + 1


async def test_a_head_request_is_refused_without_a_body() -> None:
    before = answers_counted()

    async with connected(Measured(refuse)) as client:
        client.writer.write(POST.replace(b"POST", b"HEAD") + NO_CHUNK)
        head = await client.reader.readuntil(b"\r\n\r\n")
        rest = await client.reader.read()

    assert head.startswith(b"HTTP/1.1 400 ")
    assert rest == b""
    assert answers_counted() == before + 1


async def test_what_is_no_head_is_a_problem() -> None:
    before = answers_counted()

    async with connected(Measured(refuse)) as client:
        client.writer.write(b"no head\r\n\r\n")
        answer = await client.answer()
        rest = await client.reader.read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert rest == b""
    assert answers_counted() == before + 1


async def test_what_is_no_head_behind_a_request_is_a_problem_after_its_answer() -> None:
    before = answers_counted()

    async with connected(Measured(refuse)) as client:
        client.writer.write(b"GET /jobs HTTP/1.1\r\nHost: x\r\n\r\nno head\r\n\r\n")
        answers = [await client.answer(), await client.answer()]
        rest = await client.reader.read()

    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 401 ", b"HTTP/1.1 400 "]
    assert rest == b""
    assert answers_counted() == before + 2


async def test_empty_lines_in_front_of_a_request_are_passed_over() -> None:
    async with connected(refuse) as client:
        for _ in range(2):
            client.writer.write(b"\r\n\r\n")
            client.writer.write(b"\r\nGET /jobs HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.answer()).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("lines", [b"\r\n", b"\r\n\r\n", b"\n"])
@pytest.mark.parametrize("requests", [1, 2])
async def test_empty_lines_behind_a_body_are_passed_over(lines: bytes, requests: int) -> None:
    post = b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"

    async with connected(refuse) as client:
        client.writer.write((post + lines) * requests)
        answers = [await client.answer() for _ in range(requests)]
        client.writer.write(post)
        answers.append(await client.answer())
        client.writer.write_eof()
        rest = await client.reader.read()

    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 401 "] * (requests + 1)
    assert rest == b""
