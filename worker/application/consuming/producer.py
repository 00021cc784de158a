"""Who sent a message, as far as the queue and the message say it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from worker.ports import Delivery


def producer_of(delivery: Delivery) -> Mapping[str, str | None]:
    """`sender_id`, the identity that sent it to the queue, and `topic`, the ARN of the SNS topic that it came through.

    None where it is not known. A message through SNS has the sender id of SNS.
    """
    return {"sender_id": delivery.sender_id, "topic": _topic_of(delivery.body)}


def _topic_of(body: str) -> str | None:
    if '"TopicArn"' not in body:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    topic = document.get("TopicArn") if isinstance(document, dict) else None
    return topic if isinstance(topic, str) else None
