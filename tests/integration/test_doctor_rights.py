"""The doctor finds out by harmless calls what the role may not do, and whether the port and the disk can be used."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.aws import a_bucket, a_table
from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from worker.adapters.http import HttpServer
from worker.application.operations.diagnosis import State
from worker.application.operations.doctor import Finding, can_run, diagnose
from worker.bootstrap.checks import NamedBucket, open_checks
from worker.settings import SUBMIT, load

Found = dict[str, Finding]


class Dependencies:
    """A queue with a dead-letter queue, a table and a bucket that the doctor sees through a proxy."""

    def __init__(self, name: str, proxy: FaultProxy, sqs: Any, dynamodb: Any, s3: Any) -> None:
        self.proxy = proxy
        self.sqs = sqs
        self.dynamodb = dynamodb
        self.s3 = s3
        self.table = self.bucket = name
        self.queue = self.dead = ""

    async def make(self) -> None:
        self.dead = (await self.sqs.create_queue(QueueName=f"{self.table}-dead"))["QueueUrl"]
        found = await self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])
        redrive = {"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": 1000}
        made = await self.sqs.create_queue(QueueName=self.table, Attributes={"RedrivePolicy": json.dumps(redrive)})
        self.queue = made["QueueUrl"]
        await self.dynamodb.create_table(**a_table(self.table))
        expiry = {"Enabled": True, "AttributeName": "expires_at"}
        await self.dynamodb.update_time_to_live(TableName=self.table, TimeToLiveSpecification=expiry)
        await self.s3.create_bucket(**a_bucket(self.bucket))

    async def diagnosed(self, more: Mapping[str, str] = {}, *, is_written: bool = True, **settings: str) -> Found:
        environ = {
            "WORKER_QUEUE_URL": self.queue,
            "WORKER_TABLE": self.table,
            "WORKER_HTTP_PORT": "0",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": self.proxy.url,
        }
        buckets = [NamedBucket(f"s3://{self.bucket}/", "BUCKET", is_written)]
        async with open_checks(load(environ | settings | dict(more), needs=SUBMIT), buckets) as checks:
            return {finding.name.split()[0]: finding for finding in await diagnose(checks)}


@pytest.fixture(name="dependencies")
async def dependencies_fixture(
    aws_endpoint: str,
    sqs_client: Any,
    dynamodb_client: Any,
    s3_client: Any,
    unique: Callable[[str], str],
    proxy: FaultProxy,
) -> Dependencies:
    made = Dependencies(unique("rights"), proxy, sqs_client, dynamodb_client, s3_client)
    await made.make()
    return made


@pytest.fixture(name="proxy")
def proxy_fixture(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    with FaultProxy(aws_endpoint).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


def failed(findings: Found) -> Sequence[str]:
    return [name for name, finding in findings.items() if finding.verdict.state is State.FAILED]


async def test_what_the_doctor_tries_changes_nothing(dependencies: Dependencies) -> None:
    await dependencies.sqs.send_message(QueueUrl=dependencies.queue, MessageBody="{}")

    findings = await dependencies.diagnosed()
    assert failed(findings) == []
    assert all(findings[name].verdict.state is State.OK for name in ("queue", "table", "bucket", "http"))
    answer = await dependencies.sqs.receive_message(
        QueueUrl=dependencies.queue, MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )
    (message,) = answer["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in await dependencies.sqs.receive_message(QueueUrl=dependencies.dead)
    assert (await dependencies.dynamodb.scan(TableName=dependencies.table))["Items"] == []
    assert "Contents" not in await dependencies.s3.list_objects_v2(Bucket=dependencies.bucket)
    assert (await dependencies.s3.list_multipart_uploads(Bucket=dependencies.bucket)).get("Uploads", []) == []


@pytest.mark.parametrize(
    ("call", "check", "detail"),
    [
        ("ReceiveMessage", "queue", "this role may not call sqs:ReceiveMessage"),
        ("DeleteMessageBatch", "queue", "this role may not call sqs:DeleteMessage"),
        ("ChangeMessageVisibilityBatch", "queue", "this role may not call sqs:ChangeMessageVisibility"),
        ("GetQueueUrl", "queue", "this role may not call sqs:GetQueueUrl on rights-"),
        ("SendMessageBatch", "queue", "this role may not call sqs:SendMessage on rights-"),
        ("GetItem", "table", "this role may not call dynamodb:GetItem"),
        ("BatchGetItem", "table", "this role may not call dynamodb:BatchGetItem"),
        ("UpdateItem", "table", "this role may not call dynamodb:UpdateItem"),
        ("CreateMultipartUpload", "bucket", "allow the role s3:PutObject"),
        ("GetObject", "bucket", "allow the role s3:GetObject"),
    ],
)
async def test_a_denied_right_fails_its_check_by_name(
    call: str, check: str, detail: str, dependencies: Dependencies
) -> None:
    code = "AccessDenied" if check != "table" else "AccessDeniedException"
    dependencies.proxy.refuse(calls_of(call), 403, code)

    findings = await dependencies.diagnosed()
    assert failed(findings) == [check]
    assert detail in findings[check].verdict.detail
    assert not can_run([*findings.values()])
    assert findings[check].subject.endpoint == dependencies.proxy.url


async def test_a_queue_whose_key_the_role_may_not_use_fails_by_its_key(dependencies: Dependencies) -> None:
    dependencies.proxy.refuse(calls_of("ReceiveMessage"), 400, "KmsAccessDenied")

    findings = await dependencies.diagnosed()
    assert failed(findings) == ["queue"]
    assert "kms:Decrypt" in findings["queue"].verdict.detail


@pytest.mark.parametrize(
    ("call", "check", "action"),
    [
        ("GetQueueAttributes", "queue", "sqs:GetQueueAttributes"),
        ("DescribeTable", "table", "dynamodb:DescribeTable"),
        ("AbortMultipartUpload", "bucket", "s3:AbortMultipartUpload"),
        ("ListMultipartUploads", "bucket", "s3:ListBucketMultipartUploads"),
    ],
)
async def test_a_right_that_the_worker_can_do_without_degrades(
    call: str, check: str, action: str, dependencies: Dependencies
) -> None:
    dependencies.proxy.refuse(calls_of(call), 403, "AccessDenied")

    findings = await dependencies.diagnosed()
    assert failed(findings) == []
    assert findings[check].verdict.state is State.DEGRADED
    assert action in findings[check].verdict.detail


async def test_a_probing_upload_whose_end_has_no_answer_is_an_s3_that_did_not_answer(
    dependencies: Dependencies,
) -> None:
    dependencies.proxy.cut_answers(calls_of("AbortMultipartUpload"), times=None)

    findings = await dependencies.diagnosed()
    assert failed(findings) == ["bucket"]
    assert findings["bucket"].verdict.detail.startswith("S3 did not answer (")


PUBLISHING = {"WORKER_EVENT_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:ends", "WORKER_EVENT_BUS": "default"}


async def test_a_topic_and_a_bus_that_take_events_are_tried_without_publishing_anything(
    dependencies: Dependencies,
) -> None:
    dependencies.proxy.refuse(calls_of("Publish"), 400, "InvalidParameter")
    no_json = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "MalformedDetail"}]}
    dependencies.proxy.answer(calls_of("PutEvents"), lambda _: web.json_response(no_json))
    dependencies.proxy.answer(calls_of("DescribeEventBus"), lambda _: web.json_response({"Name": "default"}))

    findings = await dependencies.diagnosed(PUBLISHING)

    assert [findings[name].verdict.state for name in ("topic", "bus")] == [State.OK, State.OK]
    (publish,) = dependencies.proxy.seen("Publish")
    assert b"Message=&" in publish.body + b"&"
    (put,) = dependencies.proxy.seen("PutEvents")
    assert json.loads(put.body)["Entries"][0]["Detail"] == "no JSON"


@pytest.mark.parametrize(
    ("call", "code", "check", "detail"),
    [
        ("Publish", "AuthorizationError", "topic", "this role may not call sns:Publish"),
        ("Publish", "NotFound", "topic", "the topic does not exist"),
        ("PutEvents", "AccessDeniedException", "bus", "this role may not call events:PutEvents"),
        ("DescribeEventBus", "ResourceNotFoundException", "bus", "the bus does not exist"),
    ],
)
async def test_a_topic_or_a_bus_that_takes_no_events_degrades(
    call: str, code: str, check: str, detail: str, dependencies: Dependencies
) -> None:
    dependencies.proxy.refuse(calls_of(call), 403, code)

    findings = await dependencies.diagnosed(PUBLISHING)

    assert failed(findings) == []
    assert findings[check].verdict.state is State.DEGRADED
    assert detail in findings[check].verdict.detail


async def test_each_queue_is_tried(dependencies: Dependencies) -> None:
    urls = f"{dependencies.queue},{dependencies.dead},{dependencies.dead}-gone"
    environ = {"WORKER_QUEUE_URL": urls, "WORKER_TABLE": "t", "AWS_REGION": "eu-central-1"}
    async with open_checks(load(environ, needs=SUBMIT), []) as checks:
        findings = await diagnose([check for check in checks if check.name.startswith("queue")])

    assert [(each.name, each.verdict.state) for each in findings] == [
        ("queue", State.OK),
        ("queue 2", State.DEGRADED),  # it has no dead-letter queue
        ("queue 3", State.FAILED),
    ]


async def test_a_bucket_that_is_only_read_is_not_written_to(dependencies: Dependencies) -> None:
    dependencies.proxy.refuse(calls_of("CreateMultipartUpload"), 403, "AccessDenied")

    findings = await dependencies.diagnosed(is_written=False)
    assert (failed(findings), findings["bucket"].verdict.detail) == ([], "can be read")


async def test_where_the_role_may_not_list_a_denied_object_shows_nothing(dependencies: Dependencies) -> None:
    dependencies.proxy.refuse(calls_of("HeadBucket", "GetObject"), 403, "AccessDenied")

    findings = await dependencies.diagnosed()
    assert findings["bucket"].verdict.state is State.DEGRADED
    assert findings["bucket"].verdict.detail == "this role may not call s3:ListBucket"


async def test_the_targets_of_new_objects_are_tried_by_their_prefix(dependencies: Dependencies) -> None:
    outputs = [{"target": f"s3://{dependencies.bucket}/made/{{key}}.mp3", "format": "mp3"}]

    async with open_checks(
        load(
            {"WORKER_QUEUE_URL": dependencies.queue, "WORKER_TABLE": "t", "AWS_REGION": "eu-central-1"}
            | {"WORKER_S3_EVENT_OUTPUTS": json.dumps(outputs)},
            needs=SUBMIT,
        ),
        [],
    ) as checks:
        (check,) = (check for check in checks if check.name.startswith("bucket"))
        await check.run()
    assert str(check.subject).startswith(f"WORKER_S3_EVENT_OUTPUTS s3://{dependencies.bucket}/made/ at ")
    begun = [call for call in dependencies.proxy.calls if call.action == "CreateMultipartUpload"]
    assert [call.key.startswith("made/worker-doctor-") for call in begun] == [True]


async def test_a_port_that_something_else_has_fails_and_one_that_a_worker_has_degrades(
    dependencies: Dependencies,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(5)
        port = str(taken.getsockname()[1])
        findings = await dependencies.diagnosed(WORKER_HTTP_PORT=port)
    assert failed(findings) == ["http"]
    assert f"cannot listen on 127.0.0.1, port {port}" in findings["http"].verdict.detail
    assert "WORKER_HTTP_PORT" in (findings["http"].verdict.advice or "")

    class Health:
        is_live = is_ready = True

        def to_dict(self) -> dict[str, str]:
            return {"status": "ok", "progress_store": "dynamodb"}

    server = HttpServer("127.0.0.1", 0, health=Health, render_metrics=lambda: (b"", "text/plain"))
    server.start()
    try:
        findings = await dependencies.diagnosed(WORKER_HTTP_PORT=server.address.rpartition(":")[2])
    finally:
        server.close()
    assert failed(findings) == []
    assert findings["http"].verdict.detail == "a worker listens there already"


async def test_a_workspace_that_cannot_be_written_to_fails(dependencies: Dependencies) -> None:
    findings = await dependencies.diagnosed(WORKER_WORKSPACE="/proc/worker")

    assert failed(findings) == ["workspace"]
    assert "/proc cannot be written to" in findings["workspace"].verdict.detail
    assert str(findings["workspace"].subject) == "WORKER_WORKSPACE /proc/worker"


async def test_a_dead_letter_queue_that_is_not_there_fails(dependencies: Dependencies, tmp_path: Path) -> None:
    await dependencies.sqs.delete_queue(QueueUrl=dependencies.dead)

    findings = await dependencies.diagnosed(WORKER_WORKSPACE=str(tmp_path))
    assert failed(findings) == ["queue"]
    assert findings["queue"].verdict.detail == f"the dead-letter queue {dependencies.table}-dead does not exist"
