"""The proxy of the tests: the SDK sees each fault as AWS makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aioboto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from worker.adapters.aws.client import ClientLimits, open_client

LIMITS = ClientLimits(connect_seconds=2, read_seconds=20, attempts=1, connections=4)


@pytest.fixture
def proxy(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    with FaultProxy(aws_endpoint).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


async def call(session: aioboto3.Session, service: str, operation: str, **arguments: Any) -> Any:
    async with open_client(session, service, LIMITS) as client:
        return await getattr(client, operation)(**arguments)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("dynamodb", "list_tables", "ProvisionedThroughputExceededException"),
        ("sqs", "list_queues", "AccessDeniedException"),
        ("s3", "list_buckets", "SlowDown"),
    ],
)
async def test_a_refusal_is_an_error_of_that_service_to_the_sdk(
    service: str, operation: str, code: str, proxy: FaultProxy, aws_session: aioboto3.Session
) -> None:
    proxy.refuse(lambda call: call.service == service, 400, code, times=1)

    with pytest.raises(ClientError) as raised:
        await call(aws_session, service, operation)

    assert raised.value.response["Error"]["Code"] == code
    await call(aws_session, service, operation)  # it was once


@pytest.mark.parametrize("is_applied", [True, False])
async def test_a_refusal_may_come_after_the_effect(
    is_applied: bool, proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session
) -> None:
    proxy.refuse(calls_of("PutObject"), 500, "InternalError", is_applied=is_applied)

    with pytest.raises(ClientError):
        await call(aws_session, "s3", "put_object", Bucket=bucket, Key="key", Body=b"x")

    assert ("Contents" in await s3_client.list_objects_v2(Bucket=bucket)) == is_applied


async def test_an_answer_that_is_cut_off_before_its_headers_is_a_closed_connection_after_the_effect(
    proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session
) -> None:
    proxy.cut_answers(calls_of("PutObject"), times=None)

    with pytest.raises(ConnectionClosedError):
        await call(aws_session, "s3", "put_object", Bucket=bucket, Key="key", Body=b"x")

    assert "Contents" in await s3_client.list_objects_v2(Bucket=bucket)


async def keys_of(s3_client: Any, bucket: str) -> list[str]:
    found = await s3_client.list_objects_v2(Bucket=bucket)
    return [each["Key"] for each in found.get("Contents", ())]


async def test_delays_lie_before_or_after_the_effect(
    proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session
) -> None:
    proxy.delay(lambda call: call.key == "late answer", after=60)
    proxy.delay(lambda call: call.key == "late effect", before=60)

    calls = [
        asyncio.create_task(call(aws_session, "s3", "put_object", Bucket=bucket, Key=key, Body=b"x"))
        for key in ("late answer", "late effect")
    ]
    async with asyncio.timeout(30):
        while len(proxy.seen("PutObject")) < len(calls) or not (found := await keys_of(s3_client, bucket)):  # noqa: ASYNC110 - it is in the emulator
            await asyncio.sleep(0.01)

    assert found == ["late answer"]
    assert not any(each.done() for each in calls)
    for each in calls:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_a_way_that_is_cut_carries_nothing_until_it_is_restored(
    proxy: FaultProxy, aws_session: aioboto3.Session
) -> None:
    proxy.cut()

    with pytest.raises(ConnectionClosedError):
        await call(aws_session, "sqs", "list_queues")

    proxy.restore()
    await call(aws_session, "sqs", "list_queues")
