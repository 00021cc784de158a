"""What the clients of one process share."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import aioboto3
import pytest
from aiohttp import web
from botocore.exceptions import EndpointConnectionError
from botocore.httpsession import create_urllib3_context

from tests.support.scripted_http import scripted_http
from worker.adapters.aws import tls
from worker.adapters.aws.client import open_client
from worker.adapters.dynamodb.job_table import LIMITS
from worker.adapters.sqs.queue import CONTROL_LIMITS


async def test_the_certificates_of_the_authorities_are_read_once_and_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []

    def create() -> Any:
        made.append(create_urllib3_context())
        return made[-1]

    monkeypatch.setattr(tls, "create_urllib3_context", create)
    tls.trust_in.cache_clear()  # another test of this process may have read them

    session = aioboto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    async with open_client(session, "dynamodb", CONTROL_LIMITS):
        assert len(made) == 1
        assert made[0].cert_store_stats()["x509_ca"] > 50
        async with open_client(session, "sqs", CONTROL_LIMITS):
            assert len(made) == 1


class Name:
    """What the resolver answers for `store.test`, and how often it was asked."""

    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self.asked = 0


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Name:
    name, look_up = Name(), socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        if host != "store.test":
            return look_up(host, *arguments, **options)
        name.asked += 1
        return look_up(name.address, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return name


async def test_an_endpoint_that_has_moved_is_looked_up_after_the_first_connection_that_fails(
    name: Name, aws_session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({}, content_type="application/x-amz-json-1.0")

    async with scripted_http(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://store.test:{urlsplit(url).port}")
        async with open_client(aws_session, "dynamodb", LIMITS) as client:
            name.address = "127.0.0.2"  # where nobody listens
            with pytest.raises(EndpointConnectionError):
                await client.list_tables()
            name.address = "127.0.0.1"

            await client.list_tables()


async def test_an_endpoint_is_looked_up_after_a_connection_that_its_caller_cut_off(
    name: Name, aws_session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # says nothing, so that no TLS comes about
        silent.setblocking(False)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://store.test:{silent.getsockname()[1]}")
        async with open_client(aws_session, "dynamodb", LIMITS) as client:
            for _ in range(2):
                call = asyncio.create_task(client.list_tables())
                connection, _ = await asyncio.get_running_loop().sock_accept(silent)
                with connection:
                    call.cancel()
                    await asyncio.wait([call])

    assert name.asked == 2


async def test_an_endpoint_that_answers_is_looked_up_once(
    name: Name, aws_session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        closing = {"Connection": "close"}
        return web.json_response({}, content_type="application/x-amz-json-1.0", headers=closing)

    async with scripted_http(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://store.test:{urlsplit(url).port}")
        async with open_client(aws_session, "dynamodb", LIMITS) as client:
            for _ in range(3):
                await client.list_tables()

    assert name.asked == 1
