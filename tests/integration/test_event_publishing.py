"""SNS and EventBridge when they refuse, hang, or are FIFO."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aioboto3
import pytest
from aiohttp import web

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.records import a_record, completed
from tests.support.sqs import Sqs
from worker.adapters.aws.client import open_client
from worker.adapters.eventbridge.bus import EventBridgeBus
from worker.adapters.sns.topic import SnsTopic
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.domain.completion import CompletionEvent
from worker.domain.errors import DependencyUnavailableError

EVENT = CompletionEvent(completed(a_record(), seq=9))
ARN = "arn:aws:sns:eu-central-1:123456789012:ends"


@pytest.fixture(name="proxy")
def proxy_fixture(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    with FaultProxy(aws_endpoint).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture(name="sns")
async def sns_fixture(proxy: FaultProxy, aws_session: aioboto3.Session) -> AsyncIterator[Any]:
    async with open_client(aws_session, "sns", CONTROL_LIMITS) as client:
        yield client


@pytest.fixture(name="events")
async def events_fixture(proxy: FaultProxy, aws_session: aioboto3.Session) -> AsyncIterator[Any]:
    async with open_client(aws_session, "events", CONTROL_LIMITS) as client:
        yield client


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("NotFound", f"SNS has no topic {ARN}"),
        ("AuthorizationError", "SNS does not allow the role sns:Publish"),
        ("KMSAccessDenied", "SNS may not use the KMS key of the topic"),
        ("InternalError", "SNS answered InternalError"),
    ],
)
async def test_what_sns_refuses_is_said_in_our_words(code: str, problem: str, sns: Any, proxy: FaultProxy) -> None:
    proxy.refuse(calls_of("Publish"), 403, code)

    with pytest.raises(DependencyUnavailableError, match=problem) as caught:
        await SnsTopic(sns, ARN).publish(EVENT)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((400, {"__type": "AccessDeniedException", "message": "secret"}), "does not allow the role events:PutEvents"),
        ((400, {"__type": "ResourceNotFoundException"}), "EventBridge has no bus ends"),
        ((200, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}), "ThrottlingException"),
        ((200, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorizedForSourceException"}]}), "the role"),
        ((200, {}), "answered nothing about the entry"),
    ],
)
async def test_what_eventbridge_refuses_is_said_in_our_words(
    answer: tuple[int, dict[str, Any]], problem: str, events: Any, proxy: FaultProxy
) -> None:
    status, body = answer
    proxy.answer(calls_of("PutEvents"), lambda _: web.json_response(body, status=status))

    with pytest.raises(DependencyUnavailableError, match=problem) as caught:
        await EventBridgeBus(events, "ends").publish(EVENT)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("page", ["<html>Sign in</html>", "Sign in"])
async def test_a_page_under_status_200_has_told_nobody(page: str, sns: Any, events: Any, proxy: FaultProxy) -> None:
    proxy.answer(calls_of("Publish", "PutEvents"), lambda _: web.Response(text=page, content_type="text/html"))

    for publisher in (SnsTopic(sns, ARN), EventBridgeBus(events, "ends")):
        with pytest.raises(DependencyUnavailableError):
            await publisher.publish(EVENT)


async def test_a_fifo_topic_keeps_the_events_of_a_job_in_order_and_drops_a_repetition(sns: Any, sqs: Sqs) -> None:
    fifo = {"FifoTopic": "true"}
    arn = (await sns.create_topic(Name=sqs.unique("topic") + ".fifo", Attributes=fifo))["TopicArn"]
    queue = await sqs.made("listener", {"FifoQueue": "true"})
    found = await sqs.client.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    raw = {"RawMessageDelivery": "true"}
    await sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"], Attributes=raw)

    for _ in range(2):
        await SnsTopic(sns, arn).publish(EVENT)

    answer = await sqs.client.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageSystemAttributeNames=["MessageGroupId"]
    )
    (message,) = answer["Messages"]
    assert json.loads(message["Body"])["event_id"] == EVENT.event_id
    assert message["Attributes"]["MessageGroupId"] == EVENT.record.job_id
