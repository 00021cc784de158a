"""A queue's attributes, and what the worker's role may do with it and with its dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from worker.adapters.aws.client import DENIED, ErrorTable, translated
from worker.adapters.aws.rights import TrialCall, denied_actions
from worker.adapters.sqs.refusals import NO_QUEUE, Errors, unusable_key
from worker.ports import DependencyMissingError, NotAllowedError, QueueFacts

_NO_MESSAGE = {"Id": "0", "ReceiptHandle": "worker-doctor"}  # a handle that no message has


async def inspect_queue(client: Any, queue_url: str) -> QueueFacts:
    """The queue's attributes. Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
    denied: ErrorTable = dict.fromkeys(DENIED, lambda: NotAllowedError("sqs:GetQueueAttributes"))
    with translated("SQS", {**denied, **_missing("the queue")}):
        response = await client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    attributes = response["Attributes"]
    redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
    return QueueFacts(
        visible=int(attributes["ApproximateNumberOfMessages"]),
        in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        is_fifo=attributes.get("FifoQueue") == "true",
        retention_seconds=int(attributes["MessageRetentionPeriod"]),
        dead_letter_queue=redrive.get("deadLetterTargetArn"),
        max_receive_count=int(redrive["maxReceiveCount"]) if "maxReceiveCount" in redrive else None,
    )


async def denied_queue_actions(client: Any, queue_url: str) -> Sequence[str]:
    """The actions of a consumer that the role may not do.

    Raises DependencyMissingError, DependencyUnavailableError.
    """
    receive = partial(
        client.receive_message, QueueUrl=queue_url, MaxNumberOfMessages=0, VisibilityTimeout=0, WaitTimeSeconds=0
    )
    delete = partial(client.delete_message_batch, QueueUrl=queue_url, Entries=[_NO_MESSAGE])
    change = {**_NO_MESSAGE, "VisibilityTimeout": 0}
    change_visibility = partial(client.change_message_visibility_batch, QueueUrl=queue_url, Entries=[change])
    attempts = [
        TrialCall("sqs:ReceiveMessage", receive),
        TrialCall("sqs:DeleteMessage", delete),
        TrialCall("sqs:ChangeMessageVisibility", change_visibility),
    ]
    return await denied_actions("SQS", attempts, _missing("the queue") | unusable_key())


async def denied_dead_letter_actions(client: Any, arn: str) -> Sequence[str]:
    """The actions that a rejected message needs and that the role may not do on the dead-letter queue `arn`.

    Raises DependencyMissingError, DependencyUnavailableError.
    """
    account, name = arn.split(":")[-2:]
    missing = _missing(f"the dead-letter queue {name}")
    find = partial(client.get_queue_url, QueueName=name, QueueOwnerAWSAccountId=account)
    if denied := await denied_actions("SQS", [TrialCall(f"sqs:GetQueueUrl on {name}", find)], missing):
        return denied
    with translated("SQS", missing):
        url = (await find())["QueueUrl"]
    send = partial(client.send_message_batch, QueueUrl=url, Entries=[])
    return await denied_actions("SQS", [TrialCall(f"sqs:SendMessage on {name}", send)], missing | unusable_key())


def _missing(what: str) -> Errors:
    return dict.fromkeys(NO_QUEUE, lambda: DependencyMissingError(what))
