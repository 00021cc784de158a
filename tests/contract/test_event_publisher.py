"""What every EventPublisher does: the one in memory, SNS and EventBridge; the last two are read through a queue."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aioboto3
import pytest

from tests.fakes.publisher import FakePublisher
from tests.support.records import a_record, completed
from tests.support.sqs import Sqs
from worker.adapters.aws.client import open_client
from worker.adapters.eventbridge.bus import EventBridgeBus
from worker.adapters.sns.topic import SnsTopic
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.domain.completion import CompletionEvent
from worker.domain.errors import DependencyUnavailableError
from worker.ports import EventPublisher

EVENT = CompletionEvent(completed(a_record(job_id="ep 1 – ü", fence=1795000000000001), seq=9))
Document = dict[str, Any]


@dataclass
class Subject:
    """What is tested, what a listener gets of it, and the same publisher where nothing is there to publish to."""

    publisher: EventPublisher
    received: Callable[[], Awaitable[Sequence[Document]]]
    missing: EventPublisher


@pytest.fixture(params=["fake", "sns", "eventbridge"])
async def subject(request: pytest.FixtureRequest, sqs: Sqs, aws_session: aioboto3.Session) -> AsyncIterator[Subject]:
    if request.param == "fake":
        yield _fake()
        return
    async with AsyncExitStack() as stack:
        service = {"sns": "sns", "eventbridge": "events"}[request.param]
        client = await stack.enter_async_context(open_client(aws_session, service, CONTROL_LIMITS))
        queue = await sqs.made("listener")
        yield await (_sns if service == "sns" else _eventbridge)(client, sqs, queue)


def _fake() -> Subject:
    fake, missing = FakePublisher(), FakePublisher()
    missing.is_failing = True

    async def received() -> Sequence[Document]:
        return [json.loads(event.to_json()) for event in fake.events]

    return Subject(fake, received, missing)


async def _sns(client: Any, sqs: Sqs, queue: str) -> Subject:
    arn = (await client.create_topic(Name=sqs.unique("topic")))["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    await client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=await _arn_of(sqs, queue), Attributes=raw)

    async def received() -> Sequence[Document]:
        messages = await _messages(sqs, queue)
        for message in messages:
            document = json.loads(message["Body"])
            attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
            record = document["record"]
            assert attributes == {"type": document["type"], "job_id": record["job_id"], "status": record["status"]}
        return [json.loads(message["Body"]) for message in messages]

    return Subject(SnsTopic(client, arn), received, SnsTopic(client, f"{arn}-nowhere"))


async def _eventbridge(client: Any, sqs: Sqs, queue: str) -> Subject:
    bus = sqs.unique("bus")
    await client.create_event_bus(Name=bus)
    pattern = json.dumps({"source": ["audio-conversion-worker"]})
    await client.put_rule(Name=f"{bus}-rule", EventBusName=bus, EventPattern=pattern)
    target = {"Id": "queue", "Arn": await _arn_of(sqs, queue)}
    await client.put_targets(Rule=f"{bus}-rule", EventBusName=bus, Targets=[target])

    async def received() -> Sequence[Document]:
        envelopes = [json.loads(message["Body"]) for message in await _messages(sqs, queue)]
        assert all(each["detail-type"] == each["detail"]["type"] for each in envelopes)
        return [each["detail"] for each in envelopes]

    return Subject(EventBridgeBus(client, bus), received, EventBridgeBus(_Refusing(), bus))


class _Refusing:
    """EventBridge that refuses the entry within an answer of success; moto has no bus that does."""

    async def put_events(self, **_: object) -> dict[str, Any]:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "secret"}]}


async def _arn_of(sqs: Sqs, queue: str) -> str:
    found = await sqs.client.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn: str = found["Attributes"]["QueueArn"]
    return arn


async def _messages(sqs: Sqs, queue: str) -> list[Document]:
    taken = await sqs.client.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]
    )
    messages: list[Document] = taken.get("Messages", [])
    return messages


async def test_an_event_arrives_as_its_document(subject: Subject) -> None:
    await subject.publisher.publish(EVENT)

    assert await subject.received() == [json.loads(EVENT.to_json())]


async def test_a_repetition_is_the_same_document_again(subject: Subject) -> None:
    await subject.publisher.publish(EVENT)
    await subject.publisher.publish(EVENT)

    first, second = await subject.received()
    assert first == second


async def test_what_does_not_take_the_event_is_a_failure_without_the_vendors_words(subject: Subject) -> None:
    with pytest.raises(DependencyUnavailableError) as caught:
        await subject.missing.publish(EVENT)

    assert "secret" not in str(caught.value)
    assert await subject.received() == []
