"""Who sent a message is known from the queue, and from SNS's envelope."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.deliveries import a_delivery
from worker.application.consuming.producer import producer_of

TOPIC = "arn:aws:sns:eu-west-1:111122223333:jobs"


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        (json.dumps({"Type": "Notification", "TopicArn": TOPIC, "Message": "{}"}), TOPIC),
        ("{}", None),
        ('no JSON, but it says "TopicArn"', None),
        (json.dumps(["TopicArn"]), None),
        (json.dumps({"TopicArn": 5}), None),
        ('{"TopicArn": ' + "[" * 100_000, None),
    ],
)
def test_the_topic_is_that_of_the_envelope(body: str, topic: str | None) -> None:
    delivery = replace(a_delivery(body=body), sender_id="AROAEXAMPLE:session")

    assert producer_of(delivery) == {"sender_id": "AROAEXAMPLE:session", "topic": topic}
