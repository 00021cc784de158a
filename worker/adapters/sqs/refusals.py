"""What SQS refuses, in words of ours."""

from __future__ import annotations

from collections.abc import Callable

from worker.adapters.aws.client import DENIED
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError, WorkerError

SQS = "SQS"
Errors = dict[str, Callable[[], WorkerError]]  # an ErrorTable to which others can be added
# Of a message that is sent: its body is too large, or has a character that SQS does not take
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
_NOT_TAKEN = ("InvalidParameterValue", "InvalidMessageContents")
_NO_QUEUE = ("NonExistentQueue", "QueueDoesNotExist")


def denied(action: str) -> Errors:
    """For a call that needs the right to this action."""
    return dict.fromkeys(DENIED, lambda: DependencyUnavailableError(SQS, f"does not allow the role {action}"))


def no_queue(queue_url: str) -> Errors:
    """For a call to this queue."""
    return dict.fromkeys(_NO_QUEUE, lambda: DependencyUnavailableError(SQS, f"has no queue at {queue_url}"))


def not_taken() -> Errors:
    """For a message that is sent: SQS would refuse it again."""
    problem = "SQS does not take it: a message may have 1 MiB, or what the queue's MaximumMessageSize says"
    return dict.fromkeys(_NOT_TAKEN, lambda: InvalidMessageError("body", problem))
