"""SQS: the queue that jobs come from."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from worker.adapters.aws.client import ClientLimits, translated
from worker.adapters.sqs.attributes import QueueAttributes, is_fifo, queue_url_of
from worker.adapters.sqs.batching import Batcher
from worker.adapters.sqs.dead_letters import TRACE, dead_letter_attributes, rejected_run_in, string_attribute
from worker.adapters.sqs.refusals import SQS, denied, no_queue
from worker.domain.disposition import Reject
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.events import Event, emit
from worker.ports import MAX_BATCH_ENTRIES, MAX_IN_FLIGHT_SECONDS, Delivery, ReceiptExpiredError

_WAITING = "ApproximateNumberOfMessages"
_SYSTEM_ATTRIBUTES = [
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "MessageGroupId",
    "SenderId",
    TRACE,
]
_MOST_COPIED = 10_000
# With "InvalidParameterValue" SQS says that a handle has expired, or that the twelve hours in flight are over.
_DEAD_HANDLE = frozenset({"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"})

CONTROL_LIMITS = ClientLimits(connect_seconds=2, read_seconds=5, attempts=2, connections=16)


def receive_limits(wait_seconds: float) -> ClientLimits:
    """For the client that only polls: one attempt, and a read timeout longer than a long poll."""
    return ClientLimits(connect_seconds=2, read_seconds=wait_seconds + 6, attempts=1, connections=4)


# For the client that asks several queues without waiting. Two that hang and the long poll of the third fit into the
# time of a receive: a poll that is cut off loses what SQS has handed over until the lease ends.
SHORT_POLL_LIMITS = ClientLimits(connect_seconds=2, read_seconds=2, attempts=1, connections=4)


class SqsQueue:
    """A standard or FIFO queue.

    It has two clients, so that a renewal never waits for a connection behind a long poll; where there
    is a `short_poll_client`, it makes the polls that are not long. Changes of visibility are gathered for up to
    `linger_seconds` into calls of ten, deletes from a standard queue for up to `delete_linger_seconds`. Each caller
    gets the result of its own entry.
    """

    def __init__(
        self,
        receive_client: Any,
        control_client: Any,
        queue_url: str,
        *,
        short_poll_client: Any = None,
        visibility_seconds: float,
        wait_seconds: float = 5,
        linger_seconds: float = 0.1,
        delete_linger_seconds: float = 0.5,
    ) -> None:
        self._receive_client = receive_client
        self._short_poll_client = short_poll_client or receive_client
        self._client = control_client
        self._url = queue_url
        self._errors = no_queue(queue_url)
        self._visibility_seconds = _visibility(visibility_seconds)
        self._wait_seconds = min(20, math.ceil(wait_seconds))
        # Only on a FIFO queue does something wait for a delete: the next message of the group.
        delete_linger = linger_seconds if is_fifo(queue_url) else delete_linger_seconds
        self._deletes = Batcher(self._delete, linger_seconds=delete_linger)
        self._delays = Batcher(self._delay, linger_seconds=linger_seconds)
        self._attributes = QueueAttributes(control_client, queue_url)
        self._dead_letters = _DeadLetterSender(control_client, self._attributes)
        self._copied: dict[str, bool] = {}  # by message id: whether there was a dead-letter queue for its copy
        # A receive from a FIFO queue may return several messages of one group, which would hold slots but run in turn.
        self._most = 1 if is_fifo(queue_url) else MAX_BATCH_ENTRIES

    async def receive(self, slots: int, *, is_long: bool = True) -> Sequence[Delivery]:
        received_at = asyncio.get_running_loop().time()
        client = self._receive_client if is_long else self._short_poll_client
        with translated(SQS, self._errors | denied("sqs:ReceiveMessage")):
            response = await client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(slots, self._most),
                VisibilityTimeout=self._visibility_seconds,
                WaitTimeSeconds=self._wait_seconds if is_long else 0,
                MessageSystemAttributeNames=_SYSTEM_ATTRIBUTES,
                MessageAttributeNames=["All"],
            )
        messages = response.get("Messages", ())
        retention_seconds = await self._attributes.retention_seconds() if messages else None
        return list(_readable(messages, received_at, retention_seconds))

    async def depth(self) -> int:
        with translated(SQS, self._errors | denied("sqs:GetQueueAttributes")):
            response = await self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[_WAITING])
        waiting = response.get("Attributes", {}).get(_WAITING)
        if waiting is None:
            raise DependencyUnavailableError(SQS, "did not say how many messages wait")
        return int(waiting)

    async def extend(self, deliveries: Sequence[Delivery], seconds: float) -> Sequence[WorkerError | None]:
        return await self._delay([(delivery, seconds) for delivery in deliveries])

    async def ack(self, delivery: Delivery) -> None:
        await self._deletes.do(delivery)

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        await self._delays.do((delivery, seconds))

    async def reject(self, delivery: Delivery, rejection: Reject) -> bool:
        if delivery.message_id not in self._copied:  # else only the delete has failed
            self._copied[delivery.message_id] = await self._dead_letters.send(delivery, rejection)
            if len(self._copied) > _MOST_COPIED:
                del self._copied[next(iter(self._copied))]
        await self.ack(delivery)
        return self._copied.pop(delivery.message_id)

    async def _delete(self, deliveries: Sequence[Delivery]) -> Sequence[WorkerError | None]:
        entries = [{"Id": str(n), "ReceiptHandle": delivery.receipt_handle} for n, delivery in enumerate(deliveries)]
        with translated(SQS, denied("sqs:DeleteMessage")):
            response = await self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        return _results(response, len(entries))

    async def _delay(self, delays: Sequence[tuple[Delivery, float]]) -> Sequence[WorkerError | None]:
        entries = [
            {"Id": str(n), "ReceiptHandle": delivery.receipt_handle, "VisibilityTimeout": _visibility(seconds)}
            for n, (delivery, seconds) in enumerate(delays)
        ]
        with translated(SQS, denied("sqs:ChangeMessageVisibility")):
            response = await self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        return _results(response, len(entries))


class _DeadLetterSender:
    """Sends to the dead-letter queue that the queue's redrive policy names."""

    def __init__(self, client: Any, attributes: QueueAttributes) -> None:
        self._client = client
        self._attributes = attributes
        self._urls: dict[str, str] = {}  # by ARN

    async def send(self, delivery: Delivery, rejection: Reject) -> bool:
        """Copy the message there. False where there is no such queue. Raises DependencyUnavailableError."""
        known = await self._attributes.read()
        arn = known.dead_letter_arn
        if arn is None:
            return False
        try:
            with translated(SQS, denied("sqs:GetQueueUrl and sqs:SendMessage on the dead-letter queue")):
                url = self._urls.get(arn) or await queue_url_of(self._client, arn)
                arguments = _dead_letter_arguments(delivery, rejection, url, known.max_message_bytes)
                await self._client.send_message(QueueUrl=url, MessageBody=delivery.body, **arguments)
        except DependencyUnavailableError:  # the redrive policy may name another queue by now
            self._attributes.forget()
            raise
        self._urls[arn] = url
        return True


def _readable(
    messages: Sequence[Mapping[str, Any]], received_at: float, retention_seconds: float | None
) -> Iterator[Delivery]:
    """The messages as deliveries. One that lacks what SQS always sends is logged and left out."""
    for message in messages:
        try:
            yield _delivery(message, received_at, retention_seconds)
        except KeyError as exc:
            emit(Event.MESSAGE_UNREADABLE, message_id=message.get("MessageId"), error=f"it has no {exc.args[0]}")
        except (TypeError, ValueError) as exc:
            problem = f"one of its attributes is malformed ({type(exc).__name__})"
            emit(Event.MESSAGE_UNREADABLE, message_id=message.get("MessageId"), error=problem)


def _delivery(message: Mapping[str, Any], received_at: float, retention_seconds: float | None) -> Delivery:
    system = message["Attributes"]
    attributes = {
        name: value["StringValue"]
        for name, value in message.get("MessageAttributes", {}).items()
        if "StringValue" in value  # we use no binary ones
    }
    if TRACE in system:
        attributes[TRACE] = system[TRACE]
    sent_at_ms = int(system["SentTimestamp"])
    return Delivery(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent_at_ms=sent_at_ms,
        receive_count=int(system["ApproximateReceiveCount"]),
        received_at=received_at,
        group_id=system.get("MessageGroupId"),
        expires_at_ms=None if retention_seconds is None else sent_at_ms + round(retention_seconds * 1000),
        first_received_at_ms=int(system.get("ApproximateFirstReceiveTimestamp", sent_at_ms)),
        attributes=attributes,
        sender_id=system.get("SenderId"),
        rejected_run=rejected_run_in(attributes),
    )


def _results(response: Mapping[str, Any], count: int) -> list[WorkerError | None]:
    """One result for each entry, by position. An entry that the answer does not mention has failed."""
    results: list[WorkerError | None] = [DependencyUnavailableError(SQS, "left the entry out of its answer")] * count
    positions = {str(n): n for n in range(count)}
    for entry in response.get("Successful", ()):
        if (position := positions.get(entry.get("Id"))) is not None:
            results[position] = None
    for entry in response.get("Failed", ()):
        if (position := positions.get(entry.get("Id"))) is not None:
            results[position] = _failure(entry)
    return results


def _failure(entry: Mapping[str, Any]) -> WorkerError:
    code = str(entry.get("Code", "Unknown")).rpartition(".")[2]
    if code in _DEAD_HANDLE:
        return ReceiptExpiredError(f"SQS answered {code}")
    return DependencyUnavailableError(SQS, f"answered {code}")


def _dead_letter_arguments(delivery: Delivery, rejection: Reject, queue_url: str, max_bytes: int) -> dict[str, Any]:
    """The arguments of SendMessage beside the body: the reason, the trace, the group and the deduplication id."""
    arguments: dict[str, Any] = {}
    attributes = dead_letter_attributes(delivery, rejection, max_bytes=max_bytes)
    if attributes:
        arguments["MessageAttributes"] = {name: string_attribute(value) for name, value in attributes.items()}
    if trace := delivery.attributes.get(TRACE):
        arguments["MessageSystemAttributes"] = {TRACE: string_attribute(trace)}
    if delivery.group_id is not None:
        arguments["MessageGroupId"] = delivery.group_id
    if is_fifo(queue_url):
        arguments.setdefault("MessageGroupId", delivery.message_id)
        arguments["MessageDeduplicationId"] = f"{delivery.message_id}-{delivery.receive_count}"
    return arguments


def _visibility(seconds: float) -> int:
    return max(0, min(MAX_IN_FLIGHT_SECONDS, math.ceil(seconds)))
