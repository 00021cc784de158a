"""A proxy or gateway that answers with a page of its own under status 200 has done nothing, and is not believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import aioboto3
import pytest
from aiohttp import web

from tests.support.aws_calls import Call, calls_of
from tests.support.deliveries import a_delivery
from tests.support.fault_proxy import FaultProxy
from tests.support.records import NOW, a_record
from tests.support.s3 import MIB, artifact_of, download, upload
from worker.adapters.aws.client import open_client
from worker.adapters.dynamodb.job_table import LIMITS, DynamoJobTable
from worker.adapters.s3.store import S3Store
from worker.adapters.sqs.queue import CONTROL_LIMITS, SqsQueue
from worker.adapters.sqs.sender import SqsSender
from worker.domain.errors import DependencyUnavailableError
from worker.domain.job import ObjectLocation
from worker.ports import StoreUnavailableError


def a_page(_: Call) -> web.Response:
    return web.Response(text="<html><body>Sign in to the network</body></html>", content_type="text/html")


@pytest.fixture
def proxy(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    with FaultProxy(aws_endpoint).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.mark.parametrize("action", ["UpdateItem", "GetItem"])
async def test_a_page_in_the_place_of_dynamodb_is_a_failure(
    action: str, proxy: FaultProxy, table: str, aws_session: aioboto3.Session
) -> None:
    async with open_client(aws_session, "dynamodb", LIMITS) as client:
        jobs = DynamoJobTable(client, table, now=lambda: NOW)
        proxy.answer(calls_of(action), a_page)

        with pytest.raises(StoreUnavailableError) as caught:
            await (jobs.commit(a_record()) if action == "UpdateItem" else jobs.state("job"))

        assert not caught.value.is_refusal


async def test_a_page_in_the_place_of_sqs_is_a_failure(
    proxy: FaultProxy, unique: Callable[[str], str], aws_session: aioboto3.Session
) -> None:
    async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
        url = (await client.create_queue(QueueName=unique("queue")))["QueueUrl"]
        queue = SqsQueue(client, client, url, visibility_seconds=60)
        proxy.answer(lambda call: call.service == "sqs", a_page)

        for call in (queue.receive(1), queue.ack(a_delivery()), SqsSender(client, url).send("{}")):
            with pytest.raises(DependencyUnavailableError):
                await call


@pytest.mark.parametrize(("action", "size"), [("PutObject", 1000), ("CompleteMultipartUpload", 17 * MIB)])
async def test_a_page_in_the_place_of_s3_is_no_upload(
    action: str, size: int, proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async with open_client(aws_session, "s3", CONTROL_LIMITS) as client:
        proxy.answer(calls_of(action), a_page)

        with pytest.raises(DependencyUnavailableError):
            await upload(S3Store(client), artifact_of(tmp_path / "file", size), ObjectLocation(bucket, "target"))

        assert "Contents" not in await client.list_objects_v2(Bucket=bucket)


async def test_a_page_in_the_place_of_a_source_is_no_source(
    proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async with open_client(aws_session, "s3", CONTROL_LIMITS) as client:
        await client.put_object(Bucket=bucket, Key="page.html", Body=b"<html>", ContentType="text/html")
        source = ObjectLocation(bucket, "page.html")
        await download(S3Store(client), source, tmp_path / "stored")
        proxy.answer(calls_of("GetObject"), a_page)

        with pytest.raises(DependencyUnavailableError, match="S3 answered with a page in the place of s3://"):
            await download(S3Store(client), source, tmp_path / "page")
