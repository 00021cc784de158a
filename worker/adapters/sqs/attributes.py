"""The attributes of a queue: its dead-letter queue, how long it keeps a message, how large one may be."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from worker.adapters.aws.client import translated
from worker.adapters.sqs.refusals import no_queue
from worker.domain.errors import DependencyUnavailableError

_KNOWN_SECONDS = 300.0
_RETENTION_LOOKUP_SECONDS = 1.0
_MAX_MESSAGE_BYTES = 1_048_576  # since 2025; older queues have MaximumMessageSize set to 262,144


@dataclass(frozen=True, slots=True)
class Attributes:
    """`dead_letter_arn` is None without a redrive policy."""

    dead_letter_arn: str | None
    retention_seconds: float | None
    max_message_bytes: int  # also used for the dead-letter queue, whose attributes the role need not be able to read


class QueueAttributes:
    """The attributes of one queue. They are asked for when they are needed, and again after five minutes."""

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._url = queue_url
        self._known: Attributes | None = None
        self._known_until = -math.inf
        self._retention_seconds: float | None = None
        self._retention_due = -math.inf

    async def read(self) -> Attributes:
        """The attributes. Raises DependencyUnavailableError."""
        now = asyncio.get_running_loop().time()
        if self._known is None or now >= self._known_until:
            self._known = await self._ask()
            self._known_until = now + _KNOWN_SECONDS
        return self._known

    def forget(self) -> None:
        """Ask the queue again next time: a call that relied on the attributes has failed."""
        self._known = None

    async def retention_seconds(self) -> float | None:
        """How long the queue keeps a message after it was sent; None where that is not known within a second."""
        now = asyncio.get_running_loop().time()
        if now >= self._retention_due:
            self._retention_due = now + _KNOWN_SECONDS
            with suppress(DependencyUnavailableError, TimeoutError):
                async with asyncio.timeout(_RETENTION_LOOKUP_SECONDS):
                    self._retention_seconds = (await self.read()).retention_seconds
        return self._retention_seconds

    async def _ask(self) -> Attributes:
        with translated("SQS", no_queue(self._url)):
            response = await self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["RedrivePolicy", "MessageRetentionPeriod", "MaximumMessageSize"]
            )
        try:
            return _read(response.get("Attributes", {}))
        except (KeyError, TypeError, ValueError) as exc:
            raise DependencyUnavailableError("SQS", "answered with attributes that cannot be read") from exc


def _read(attributes: Mapping[str, str]) -> Attributes:
    """Read SQS's attributes. Raises KeyError, TypeError or ValueError where they are not as SQS has them."""
    policy, retention = attributes.get("RedrivePolicy"), attributes.get("MessageRetentionPeriod")
    return Attributes(
        json.loads(policy)["deadLetterTargetArn"] if policy else None,
        float(retention) if retention else None,
        int(attributes.get("MaximumMessageSize", _MAX_MESSAGE_BYTES)),
    )


def is_fifo(queue_url: str) -> bool:
    """Whether it is a FIFO queue: only the names of these end in `.fifo`."""
    return queue_url.endswith(".fifo")


async def queue_url_of(client: Any, arn: str) -> str:
    """The URL of the queue with that ARN. Raises what the SDK raises."""
    account, name = arn.split(":")[-2:]
    response = await client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
    url: str = response["QueueUrl"]
    return url
