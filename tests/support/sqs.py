"""SQS for tests of its adapter: a plain client, and one that counts calls and gives scripted answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from worker.adapters.sqs.queue import SqsQueue
from worker.ports import Delivery

FIFO = {"FifoQueue": "true"}


class CountingClient:
    """A client that counts its calls; `answers` are returned before the real client is asked."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: Counter[str] = Counter()
        self.answers: dict[str, list[Mapping[str, Any]]] = {}

    def __getattr__(self, name: str) -> Any:
        async def call(**arguments: Any) -> Any:
            self.calls[name] += 1
            if self.answers.get(name):
                return self.answers[name].pop(0)
            return await getattr(self._client, name)(**arguments)

        return call


@dataclass(frozen=True)
class QueueDepth:
    """How many messages of a queue wait, and how many are in flight. At AWS both are approximate."""

    visible: int
    in_flight: int


@dataclass
class Sqs:
    """A plain client, a counting client, and queues that no other test uses."""

    client: Any
    counted: CountingClient
    unique: Callable[[str], str]

    async def made(self, kind: str = "queue", attributes: Mapping[str, str] | None = None) -> str:
        suffix = ".fifo" if attributes and "FifoQueue" in attributes else ""
        response = await self.client.create_queue(QueueName=self.unique(kind) + suffix, Attributes=attributes or {})
        return str(response["QueueUrl"])

    async def made_with_dead_letters(self, attributes: Mapping[str, str] | None = None) -> tuple[str, str]:
        dead = await self.made("dead", attributes)
        url = await self.made("queue", attributes)
        await self.redrive(url, dead)
        return url, dead

    async def redrive(self, url: str, dead: str) -> None:
        found = await self.client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        policy = json.dumps({"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": 100})
        await self.client.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})

    def queue(self, url: str, *, linger_seconds: float = 0.02) -> SqsQueue:
        return SqsQueue(
            self.client,
            self.counted,
            url,
            visibility_seconds=60,
            wait_seconds=1,
            linger_seconds=linger_seconds,
            delete_linger_seconds=linger_seconds,
        )

    async def depth(self, url: str) -> QueueDepth:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        response = await self.client.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return QueueDepth(*(int(response["Attributes"][name]) for name in names))

    async def message(self, url: str) -> Mapping[str, Any]:
        response = await self.client.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )
        (message,) = response["Messages"]
        return dict(message)


async def a_delivery_from(queue: SqsQueue) -> Delivery:
    (delivery,) = await queue.receive(1)
    return delivery


def strings(message: Mapping[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
