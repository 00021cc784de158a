"""A queue's attributes, for the doctor."""

from __future__ import annotations

import json
from typing import Any

from worker.adapters.aws.client import DENIED, translated
from worker.ports import DependencyMissingError, NotAllowedError, QueueFacts


async def inspect_queue(client: Any, queue_url: str) -> QueueFacts:
    """Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
    errors = dict.fromkeys(DENIED, lambda: NotAllowedError("sqs:GetQueueAttributes")) | dict.fromkeys(
        ("NonExistentQueue", "QueueDoesNotExist"), lambda: DependencyMissingError("the queue")
    )
    with translated("SQS", errors):
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
