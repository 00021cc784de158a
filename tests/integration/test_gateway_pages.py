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
from tests.support.sqs import QueueDepth, Sqs, a_delivery_from
from worker.adapters.aws.client import open_client
from worker.adapters.dynamodb.budgets import Budgets
from worker.adapters.dynamodb.inspection import inspect_table
from worker.adapters.dynamodb.job_index import DynamoJobIndex
from worker.adapters.dynamodb.job_table import LIMITS, DynamoJobTable
from worker.adapters.s3.store import S3Store
from worker.adapters.sqs.queue import CONTROL_LIMITS, SqsQueue
from worker.adapters.sqs.sender import SqsSender
from worker.domain.disposition import Reject
from worker.domain.errors import DependencyUnavailableError, NoAudioError
from worker.domain.job import ObjectLocation
from worker.domain.progress import Status
from worker.ports import StoreUnavailableError

NO_ANSWER = r"did not answer \(ResponseParserError\)"
PATIENT = Budgets(tick_seconds=10)  # a busy machine ends no call early


def a_page(_: Call) -> web.Response:
    return web.Response(text="<html><body>Sign in to the network</body></html>", content_type="text/html")


def a_text(text: str) -> Callable[[Call], web.Response]:
    return lambda _: web.Response(text=text, content_type="application/json")


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


@pytest.mark.parametrize("text", ["{}", '{"message": "sign in"}', '{"Responses": null}', "[]", '"ok"', "null"])
async def test_json_that_is_no_answer_of_dynamodb_is_a_failure(
    text: str, proxy: FaultProxy, table: str, aws_session: aioboto3.Session
) -> None:
    async with open_client(aws_session, "dynamodb", LIMITS) as client:
        jobs = DynamoJobTable(client, table, now=lambda: NOW, budgets=PATIENT)
        proxy.answer(calls_of("BatchGetItem", "Query", "DescribeTable"), a_text(text))

        with pytest.raises(StoreUnavailableError, match=NO_ANSWER):
            await jobs.cancel_requests(["job"])
        with pytest.raises(DependencyUnavailableError, match=NO_ANSWER):
            await DynamoJobIndex(client, table, now=lambda: NOW).newest(Status.FAILED, None, 1)
        with pytest.raises(DependencyUnavailableError, match=NO_ANSWER):
            await inspect_table(client, table)


@pytest.mark.parametrize("text", ['{"Item": "x"}', '{"Item": {"job_id": "x"}}', '{"Item": {"fence": {"L": 1}}}'])
async def test_an_item_of_dynamodb_that_the_sdk_cannot_read_is_a_failure(
    text: str, proxy: FaultProxy, table: str, aws_session: aioboto3.Session
) -> None:
    async with open_client(aws_session, "dynamodb", LIMITS) as client:
        jobs = DynamoJobTable(client, table, now=lambda: NOW, budgets=PATIENT)
        proxy.answer(calls_of("GetItem"), a_text(text))

        with pytest.raises(StoreUnavailableError):
            await jobs.state("job")


@pytest.mark.parametrize("text", ['{"Messages": 5}', '{"Messages": [5]}', '{"Messages": [{"Attributes": 5}]}'])
async def test_messages_of_sqs_that_the_sdk_cannot_read_are_a_failure(
    text: str, proxy: FaultProxy, unique: Callable[[str], str], aws_session: aioboto3.Session
) -> None:
    async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
        url = (await client.create_queue(QueueName=unique("queue")))["QueueUrl"]
        queue = SqsQueue(client, client, url, visibility_seconds=60)
        proxy.answer(calls_of("ReceiveMessage"), a_text(text))

        with pytest.raises(DependencyUnavailableError):
            await queue.receive(1)


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


@pytest.mark.parametrize("action", ["GetQueueAttributes", "GetQueueUrl", "SendMessage"])
async def test_a_rejected_message_is_kept_where_json_that_is_no_answer_comes_in_the_place_of_sqs(
    action: str, sqs: Sqs, proxy: FaultProxy, aws_session: aioboto3.Session
) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await SqsSender(sqs.client, url).send("{}")
    async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
        queue = SqsQueue(sqs.client, client, url, visibility_seconds=60)
        proxy.answer(calls_of(action), a_text("{}"))
        delivery = await a_delivery_from(queue)

        with pytest.raises(DependencyUnavailableError, match=NO_ANSWER):
            await queue.reject(delivery, Reject(NoAudioError()))

    assert await sqs.depth(url) == QueueDepth(0, 1)
    assert await sqs.depth(dead) == QueueDepth(0, 0)


async def test_a_message_that_json_which_is_no_answer_came_for_is_not_sent(
    sqs: Sqs, proxy: FaultProxy, aws_session: aioboto3.Session
) -> None:
    url = await sqs.made()
    async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
        sender = SqsSender(client, url)
        proxy.answer(calls_of("SendMessage"), a_text("{}"))

        with pytest.raises(DependencyUnavailableError, match=NO_ANSWER):
            await sender.send("{}")

    assert (sender.sent, sender.failures) == (0, 1)


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
