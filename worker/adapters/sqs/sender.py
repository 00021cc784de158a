"""SQS: the sender that `worker submit`, the client and the gateway use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from worker.adapters.aws.client import translated
from worker.adapters.sqs.attributes import is_fifo
from worker.adapters.sqs.dead_letters import string_attribute
from worker.adapters.sqs.refusals import SQS, denied, no_queue, of_a_sent_message
from worker.domain.errors import InvalidMessageError


class SqsSender:
    """The producer's side: puts bodies on a queue.

    `sent` counts what it has put there; `failures` the tries since the last success that failed or were given up.
    """

    def __init__(self, client: Any, queue_url: str) -> None:
        self.sent = 0
        self.failures = 0
        self._client = client
        self._url = queue_url
        self._errors = no_queue(queue_url) | denied("sqs:SendMessage")

    async def send(
        self,
        body: str,
        *,
        group_id: str | None = None,
        dedup_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        """Put `body` on the queue and return its message id.

        Raises InvalidMessageError where the queue takes no such message, and DependencyUnavailableError.

        A FIFO queue keeps the order within a group, which is the message's own by default. Without a `dedup_id`, which
        no standard queue has, equal bodies count as one message for five minutes. On a standard queue the group is a
        tenant, whom SQS's fair queues keep from delaying the others:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
        """
        extra: dict[str, Any] = {}
        if attributes:
            extra["MessageAttributes"] = {name: string_attribute(value) for name, value in attributes.items()}
        if is_fifo(self._url):
            digest = hashlib.sha256(body.encode()).hexdigest()
            own_id = dedup_id or digest
            extra |= {"MessageGroupId": group_id or own_id, "MessageDeduplicationId": own_id}
        elif group_id is not None:
            extra["MessageGroupId"] = group_id
        try:
            with translated(SQS, self._errors), of_a_sent_message():
                response = await self._client.send_message(QueueUrl=self._url, MessageBody=body, **extra)
        except InvalidMessageError:
            raise  # the queue takes others
        except BaseException:  # a cancellation included: that is how a bounded call gives up
            self.failures += 1
            raise
        self.failures = 0
        self.sent += 1
        message_id: str = response["MessageId"]
        return message_id
