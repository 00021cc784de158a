"""Answers of SQS that are incomplete or refuse, and who sent a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aioboto3
import pytest

from tests.support.aws_calls import calls_of, json_error
from tests.support.events import logged_events
from tests.support.fault_proxy import FaultProxy
from tests.support.sqs import Sqs, a_delivery_from
from worker.adapters.aws.client import open_client
from worker.adapters.sqs.queue import CONTROL_LIMITS, SqsQueue
from worker.adapters.sqs.sender import SqsSender
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError
from worker.events import Event


def a_message(message_id: str, **changes: object) -> dict[str, Any]:
    """A message as a receive returns it; a change to None leaves the member out."""
    attributes = {"SentTimestamp": "1795000000000", "ApproximateReceiveCount": "1"}
    message = {"MessageId": message_id, "ReceiptHandle": "handle", "Body": "{}", "Attributes": attributes} | changes
    return {name: value for name, value in message.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"Attributes": None}, "it has no Attributes"),
        ({"Attributes": {"ApproximateReceiveCount": "1"}}, "it has no SentTimestamp"),
        ({"Attributes": {"SentTimestamp": "1795000000000"}}, "it has no ApproximateReceiveCount"),
        ({"Attributes": {"SentTimestamp": "now", "ApproximateReceiveCount": "1"}}, "malformed"),
        ({"Body": None}, "it has no Body"),
        ({"ReceiptHandle": None}, "it has no ReceiptHandle"),
    ],
)
async def test_an_odd_message_is_named_and_the_others_of_its_batch_are_taken(
    changes: dict[str, object], problem: str, sqs: Sqs
) -> None:
    url = await sqs.made()
    queue = SqsQueue(sqs.counted, sqs.counted, url, visibility_seconds=60)
    sqs.counted.answers["receive_message"] = [
        {"Messages": [a_message("first"), a_message("odd", **changes), a_message("last")]}
    ]

    with logged_events() as logged:
        deliveries = await queue.receive(10)

    assert [delivery.message_id for delivery in deliveries] == ["first", "last"]
    line = logged.one(Event.MESSAGE_UNREADABLE)
    assert line["message_id"] == "odd"
    assert problem in line["error"]


@pytest.mark.parametrize("answer", [{}, {"Attributes": {}}])
async def test_an_answer_without_the_number_of_messages_is_a_failure_of_the_queue(
    answer: dict[str, object], sqs: Sqs
) -> None:
    queue = SqsQueue(sqs.counted, sqs.counted, await sqs.made(), visibility_seconds=60)
    sqs.counted.answers["get_queue_attributes"] = [answer]

    with pytest.raises(DependencyUnavailableError, match="did not say how many messages wait"):
        await queue.depth()


async def test_a_delivery_says_who_sent_it(sqs: Sqs) -> None:
    url = await sqs.made()
    await SqsSender(sqs.client, url).send("{}")

    message = await sqs.message(url)
    await sqs.client.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    delivery = await a_delivery_from(sqs.queue(url))

    assert delivery.sender_id == message["Attributes"]["SenderId"]


async def all_calls_of(queue: SqsQueue) -> None:
    delivery = await a_delivery_from(queue)
    await queue.change_visibility(delivery, 0)
    await queue.ack(delivery)


@pytest.mark.parametrize(
    ("action", "named"),
    [
        ("ReceiveMessage", "sqs:ReceiveMessage"),
        ("DeleteMessageBatch", "sqs:DeleteMessage"),
        ("ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"),
    ],
)
@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
async def test_a_right_that_the_role_lacks_is_named(
    action: str, named: str, code: str, sqs: Sqs, aws_endpoint: str, aws_session: aioboto3.Session
) -> None:
    url = await sqs.made()
    await SqsSender(sqs.client, url).send("{}")
    with FaultProxy(aws_endpoint).running() as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.refuse(calls_of(action), 403, code)
        async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
            queue = SqsQueue(client, client, url, visibility_seconds=60, linger_seconds=0, delete_linger_seconds=0)

            with pytest.raises(DependencyUnavailableError, match=f"SQS does not allow the role {named}"):
                await all_calls_of(queue)


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("KmsAccessDenied", "the role needs kms:Decrypt on the queue's key"),
        ("AWS.SimpleQueueService.KMS.AccessDeniedException", "the role needs kms:Decrypt on the queue's key"),
        ("KmsDisabled", "check the key that encrypts the queue"),
        ("KmsInvalidState", "check the key that encrypts the queue"),
        ("KmsNotFound", "check the key that encrypts the queue"),
        ("AWS.SimpleQueueService.KMS.NotFoundException", "check the key that encrypts the queue"),
        ("KmsThrottled", "SQS answered KmsThrottled$"),
    ],
)
async def test_the_key_of_an_encrypted_queue_is_told_apart_from_a_right_on_the_queue(
    code: str, named: str, sqs: Sqs, aws_endpoint: str, aws_session: aioboto3.Session
) -> None:
    url = await sqs.made()
    with FaultProxy(aws_endpoint).running() as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.refuse(calls_of("ReceiveMessage", "SendMessage"), 400, code)
        async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
            for call in (
                SqsSender(client, url).send("{}"),
                SqsQueue(client, client, url, visibility_seconds=60).receive(1),
            ):
                with pytest.raises(DependencyUnavailableError, match=named):
                    await call


async def test_an_answer_about_entries_that_were_not_sent_is_passed_over(sqs: Sqs) -> None:
    url = await sqs.made()
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)
    sqs.counted.answers["delete_message_batch"] = [
        {"Successful": [{"Id": "0"}, {"Id": "7"}, {}], "Failed": [{"Id": "x", "Code": "InternalError"}]}
    ]

    await queue.ack(delivery)


@pytest.mark.parametrize(
    "attributes", [{"RedrivePolicy": "none"}, {"RedrivePolicy": "{}"}, {"MessageRetentionPeriod": "for ever"}]
)
async def test_attributes_of_the_queue_that_cannot_be_read_keep_no_message_back(
    attributes: dict[str, str], sqs: Sqs
) -> None:
    url = await sqs.made()
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    sqs.counted.answers["get_queue_attributes"] = [{"Attributes": attributes}]

    delivery = await a_delivery_from(queue)

    assert delivery.expires_at_ms is None


@pytest.mark.parametrize("run", ["", "x", "0", "-1", "1.5", "9" * 5000])
async def test_a_message_that_only_looks_like_a_dead_letter_is_taken_as_any_other(run: str, sqs: Sqs) -> None:
    forged = {"error_code": "internal", "original_message_id": "m", "run": run}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in forged.items()}
    sqs.counted.answers["receive_message"] = [{"Messages": [a_message("forged", MessageAttributes=attributes)]}]
    queue = SqsQueue(sqs.counted, sqs.counted, await sqs.made(), visibility_seconds=60)

    delivery = await a_delivery_from(queue)

    assert delivery.rejected_run is None


CHARACTERS = "Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
OF_A_GROUP = "Value tenant for parameter MessageGroupId is invalid."
WRONG_TYPE = "The request include parameter that is not valid for this queue type"
SENT_IN_VAIN = [
    (
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        "body",
    ),
    ("MessageTooLong", "MessageTooLong; see the SQS docs.", "body"),
    ("InvalidParameterValue", "MessageTooLong", "body"),
    ("InvalidParameterValue", "InvalidMessageContents", "body"),
    (
        "InvalidParameterValue",
        "The request includes parameter MessageGroupId that is not valid for this queue type",
        "group",
    ),
    ("AWS.SimpleQueueService.BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes.", "body"),
    ("InvalidMessageContents", f"Invalid characters found. {CHARACTERS}", "body"),
    ("InvalidMessageContents", "InvalidMessageContents; see the SQS docs.", "body"),
    ("InvalidParameterValue", "Invalid binary character was found in the message body", "body"),
    ("InvalidParameterValue", f"{OF_A_GROUP} Reason: {WRONG_TYPE}.", "group"),
    ("InvalidParameterValue", f"{OF_A_GROUP} {WRONG_TYPE}", "group"),
    (
        "InvalidParameterValue",
        f"{OF_A_GROUP} Reason: The request includes a parameter that is not valid for this queue type. ",
        "group",
    ),
    (
        "InvalidParameterValue",
        "The request include parameter MessageGroupId which is not valid for this queue type",
        "group",
    ),
    (
        "InvalidParameterValue",
        "The request includes the parameter MessageGroupId, which is not valid for this queue type.",
        "group",
    ),
]


@pytest.mark.parametrize(("code", "text", "field"), SENT_IN_VAIN)
async def test_a_refusal_that_is_about_the_message_names_its_field(
    code: str, text: str, field: str, sqs: Sqs, aws_endpoint: str, aws_session: aioboto3.Session
) -> None:
    async with a_sender_that_is_answered(code, text, sqs, aws_endpoint, aws_session) as sender:
        with pytest.raises(InvalidMessageError, match=f"^{field}: SQS does not take it: ") as raised:
            await sender.send("{}", group_id="tenant")

        assert raised.value.field == field
        assert sender.failures == 0


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "InvalidParameterValue",
            "Value 2000 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be <= 900.",
        ),
        ("InvalidParameterValue", f"Value 7 for parameter DelaySeconds is invalid. Reason: {WRONG_TYPE}."),
        ("InvalidParameterValue", "The request must contain the parameter MessageGroupId."),
        ("InvalidParameterValue", "InvalidParameterValue; see the SQS docs."),
        ("InvalidParameterValue", ""),
        ("MissingParameter", "The request must contain the parameter MessageGroupId."),
        ("UnsupportedOperation", "Unsupported operation."),
        ("InternalError", "Message must be shorter than 1048576 bytes."),
    ],
)
async def test_a_refusal_that_is_about_something_else_says_nothing_of_the_message(
    code: str, text: str, sqs: Sqs, aws_endpoint: str, aws_session: aioboto3.Session
) -> None:
    async with a_sender_that_is_answered(code, text, sqs, aws_endpoint, aws_session) as sender:
        with pytest.raises(DependencyUnavailableError, match=f"SQS answered {code}$"):
            await sender.send("{}", group_id="tenant")

        assert sender.failures == 1


@asynccontextmanager
async def a_sender_that_is_answered(
    code: str, text: str, sqs: Sqs, aws_endpoint: str, aws_session: aioboto3.Session
) -> AsyncIterator[SqsSender]:
    """A sender to whose SendMessage SQS answers with this error."""
    url = await sqs.made()
    with FaultProxy(aws_endpoint).running() as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.answer(calls_of("SendMessage"), lambda _: json_error("sqs", 400, code, message=text))
        async with open_client(aws_session, "sqs", replace(CONTROL_LIMITS, attempts=1)) as client:
            yield SqsSender(client, url)
