"""A proxy that takes the connection and then says nothing."""

from __future__ import annotations

import asyncio

import aioboto3
import pytest
from botocore.exceptions import ProxyConnectionError

from worker.adapters.aws.client import ClientLimits, open_client
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
