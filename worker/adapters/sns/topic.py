"""The topic of completion events, standard or FIFO."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from worker.adapters.aws.client import ErrorTable, translated
from worker.domain.completion import CompletionEvent
from worker.domain.errors import DependencyUnavailableError, WorkerError

_SNS = "SNS"


class SnsTopic:
    """An `EventPublisher`: the event's document is the message, and what filters need are its attributes.

    On a FIFO topic the events of a job are one group, and SNS itself drops a repetition within five minutes.
    """

    name = "sns"

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._arn = topic_arn
        self._errors = _errors_of(topic_arn)

    async def publish(self, event: CompletionEvent) -> None:
        record = event.record
        attributes = {"type": event.type, "job_id": record.job_id, "status": record.status.value}
        extra = {}
        if self._arn.endswith(".fifo"):
            digest = hashlib.sha256(event.event_id.encode()).hexdigest()  # an id may be longer than SNS takes
            extra = {"MessageGroupId": record.job_id, "MessageDeduplicationId": digest}
        with translated(_SNS, self._errors):
            await self._client.publish(
                TopicArn=self._arn,
                Message=event.to_json(),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
                **extra,
            )


def _errors_of(topic_arn: str) -> ErrorTable:
    """What is raised for each code.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
    """

    def problem(text: str) -> Callable[[], WorkerError]:
        return lambda: DependencyUnavailableError(_SNS, text)

    no_key = problem("may not use the KMS key of the topic: the role needs kms:GenerateDataKey* and kms:Decrypt")
    return {
        "NotFound": problem(f"has no topic {topic_arn}"),
        "AuthorizationError": problem("does not allow the role sns:Publish"),
        "AccessDenied": problem("does not allow the role sns:Publish"),
        "AccessDeniedException": problem("does not allow the role sns:Publish"),
        "EndpointDisabled": problem("has disabled the endpoint"),
        "KMSAccessDenied": no_key,
        "KMSDisabled": no_key,
        "KMSInvalidState": no_key,
        "KMSNotFound": no_key,
        "KMSOptInRequired": no_key,
    }
