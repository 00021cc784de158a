"""What the gateway reads of a request's body, and how long it waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

import pytest
from starlette.requests import Request

from tests.support.virtual_time import virtual_time
from worker.gateway.bodies import read_json_text
from worker.gateway.problems import ProblemError


class SlowClient:
    """Sends one byte of its body every `seconds`, for ever."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.sleep(self._seconds)
        return {"type": "http.request", "body": b" ", "more_body": True}


@virtual_time
@pytest.mark.parametrize("seconds", [0.5, 3600])
async def test_a_body_that_comes_slowly_or_not_at_all_is_waited_for_ten_seconds(seconds: float) -> None:
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    began_at = asyncio.get_running_loop().time()

    with pytest.raises(ProblemError) as caught:
        await read_json_text(Request(scope, SlowClient(seconds).receive), max_bytes=1000)

    assert caught.value.status == HTTPStatus.REQUEST_TIMEOUT
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(10)


@pytest.mark.parametrize("coding", ["gzip", "identity, br", "GZIP"])
async def test_a_compressed_body_is_refused_as_such(coding: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-encoding", coding.encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, SlowClient(0).receive)

    with pytest.raises(ProblemError, match="compressed") as caught:
        await read_json_text(request, max_bytes=1000)

    assert caught.value.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


async def test_a_body_that_is_said_to_be_as_it_is_is_read() -> None:
    headers = [(b"content-type", b"application/json"), (b"content-encoding", b"identity")]

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)

    assert await read_json_text(request, max_bytes=1000) == "{}"
