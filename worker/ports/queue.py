"""The queue that jobs come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from worker.domain.disposition import Reject
from worker.domain.errors import WorkerError
from worker.domain.progress import Version

# A message may be in flight for twelve hours from its receive, however often its lease is renewed:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
MAX_IN_FLIGHT_SECONDS = 43_200
# A receive and a batch operation take up to ten messages:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_BATCH_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class Delivery:
    """One hand-over of a message; a redelivery is another delivery.

    `received_at` is loop time in seconds, taken before the call that brought it: lease and 12 hours count from it.
    `receipt_handle` is opaque outside the adapter.
    """

    message_id: str
    receipt_handle: str
    body: str
    sent_at_ms: int
    receive_count: int
    received_at: float
    group_id: str | None = None  # of a FIFO queue, or the tenant of a standard one
    expires_at_ms: int | None = None  # when the queue drops the message for good (epoch), where that is known
    first_received_at_ms: int | None = None  # epoch, where the queue says so
    attributes: Mapping[str, str] = field(default_factory=dict)
    sender_id: str | None = None  # of the identity that put it on the queue, where that is known
    priority: int = 0  # of the worker's queues, the one that it came from; 0 is the most urgent
    rejected_run: int | None = None  # of a dead letter that has come back: the run in which it was rejected

    @property
    def fence(self) -> int:
        """Grows with each delivery of a message and from message to message (contract, section 2)."""
        return self.sent_at_ms * 1000 + self.receive_count

    def has_written(self, version: Version) -> bool:
        """Whether a record of that version comes from a delivery of this very message."""
        return version.fence // 1000 == self.sent_at_ms


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message on the dead-letter queue.

    `error_code`, `job_id` and `error` are what the worker said that rejected it; the code is None where SQS itself
    moved it there. `sent_at` is when it was put there, by the queue's clock. `receipt_handle` and `contents` are
    opaque outside the adapter. `body` is that of the message.
    """

    message_id: str
    receipt_handle: str
    error_code: str | None
    job_id: str | None
    error: str | None
    sent_at: datetime
    body: str = field(repr=False)
    contents: Mapping[str, Any] = field(repr=False)


class ReceiptExpiredError(WorkerError):
    """The receipt handle is dead: the message was deleted, or its lease ran out."""


class JobQueue(Protocol):
    """The queue that jobs come from."""

    async def receive(self, slots: int, *, is_long: bool = True) -> Sequence[Delivery]:
        """Wait for messages, at most `slots` and at most ten, for the length of a long poll.

        A poll that is not long asks once and waits for none: it may miss messages.
        Of a message group of a FIFO queue, one message at a time is handed out: the next one comes when that has been
        deleted, and a message that waits for a retry is not overtaken.
        Raises DependencyUnavailableError.
        """

    async def depth(self) -> int:
        """About how many messages wait, without those in flight. Raises DependencyUnavailableError."""

    async def extend(self, deliveries: Sequence[Delivery], seconds: float) -> Sequence[WorkerError | None]:
        """Keep up to ten deliveries for another `seconds` from now.

        One result for each, in their order: None, ReceiptExpiredError (definitive) or DependencyUnavailableError
        (may pass). Never raises for a single entry; raises DependencyUnavailableError if the whole call failed.
        """

    async def ack(self, delivery: Delivery) -> None:
        """Delete the message. Raises ReceiptExpiredError or DependencyUnavailableError."""

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        """Set the visibility timeout of the message: others may receive it after `seconds` from now, at once after 0.

        Raises ReceiptExpiredError or DependencyUnavailableError.
        """

    async def reject(self, delivery: Delivery, rejection: Reject) -> bool:
        """Copy the message to the queue's own dead-letter queue with the reason as attributes, then delete it.

        False where the queue has no dead-letter queue: the message is then only deleted.
        Raises ReceiptExpiredError or DependencyUnavailableError.
        """


class DeadLetterQueue(Protocol):
    """The dead-letter queue of the queue that jobs come from.

    All methods raise DependencyMissingError where there is none, NotAllowedError and DependencyUnavailableError.
    """

    async def count(self) -> int:
        """About how many messages it holds, with those that somebody has received just now."""

    async def receive(self) -> Sequence[DeadLetter]:
        """Up to ten letters, which nobody else sees for two minutes; none where all are received."""

    async def move_back(self, letters: Sequence[DeadLetter]) -> Sequence[WorkerError | None]:
        """Send each back to the queue as it is, and delete it here once it is there. One result for each.

        A letter that cannot be deleted here is then on both queues: that begins no second run.
        """

    async def leave(self, letters: Sequence[DeadLetter]) -> None:
        """Show the letters to others again. Raises nothing where that fails for one: it is shown after two minutes."""
