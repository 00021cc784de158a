"""A proxy that takes the connection and then says nothing, and a client without limits of time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aioboto3
import pytest
from aiobotocore.config import AioConfig
from botocore.exceptions import ProxyConnectionError

from tests.support.certificate import Certificate
from tests.support.connect_proxy import a_connect_proxy
from tests.support.fault_proxy import FaultProxy
from worker.adapters.aws.client import ClientLimits, open_client
from worker.adapters.aws.tls import CheckedSession
from worker.demo.servers import HOST

LIMITS = ClientLimits(connect_seconds=0.2, read_seconds=0.3, attempts=1, connections=1)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_takes_the_connection_and_does_not_answer_is_named_in_time(
    scheme: str, aws_session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        given_up.set()

    async with await asyncio.start_server(say_nothing, HOST, 0) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://{HOST}:{proxy.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://sqs.example.com")
        async with open_client(aws_session, "sqs", LIMITS) as client, asyncio.timeout(10):
            with pytest.raises(ProxyConnectionError):
                await client.list_queues()
            await given_up.wait()


async def test_a_client_without_limits_of_time_is_let_through(
    aws_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.file))
    config = AioConfig(connect_timeout=None, read_timeout=None)
    with FaultProxy(aws_endpoint).running(certificate.server()) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        async with a_connect_proxy([]) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            async with CheckedSession().create_client("sqs", region_name="eu-central-1", config=config) as client:
                await client.list_queues()
        assert endpoint.seen("ListQueues")
