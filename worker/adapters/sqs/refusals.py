"""What SQS refuses, in words of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError

from worker.adapters.aws.client import DENIED, refusal_of
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError, WorkerError

SQS = "SQS"
Errors = dict[str, Callable[[], WorkerError]]  # an ErrorTable to which others can be added
NO_QUEUE = ("NonExistentQueue", "QueueDoesNotExist")
# Of the key, by the names of SQS's JSON protocol and of its older one. KmsThrottled is not here, because it passes.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html#API_ReceiveMessage_Errors
_DENIED_KEYS = ("KmsAccessDenied", "KMS.AccessDeniedException")
_BAD_KEYS = (
    *("KmsDisabled", "KmsInvalidKeyUsage", "KmsInvalidState", "KmsNotFound", "KmsOptInRequired"),
    *("KMS.DisabledException", "KMS.InvalidKeyUsageException", "KMS.InvalidStateException"),
    *("KMS.NotFoundException", "KMS.OptInRequired"),
)


@dataclass(frozen=True, slots=True)
class _RefusedMessage:
    """An answer to SendMessage by which the message is at fault. `text` is searched for in the answer's text."""

    code: str
    text: str
    field: str
    problem: str


_TOO_LONG = ("body", "SQS does not take it: it is longer than the queue's MaximumMessageSize (at most 1 MiB)")
_CHARACTERS = ("body", "SQS does not take it: it has a character that XML does not allow")
_GROUP = (
    "group",
    "SQS does not take it: the queue is a standard one, and its endpoint has no fair queues, so no groups",
)
# One code stands for many faults, so its text has to be read. AWS lists the codes, and none of the texts
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html#API_SendMessage_Errors).
# ElasticMQ has a code or its text from https://github.com/softwaremill/elasticmq, Limits.scala and SQSException.scala.
_REFUSED_MESSAGES = (
    # SQS: https://github.com/getmoto/moto/issues/450; moto says the same. The second is ElasticMQ's.
    _RefusedMessage("InvalidParameterValue", "message must be shorter than|MessageTooLong", *_TOO_LONG),
    # ElasticMQ: https://github.com/softwaremill/elasticmq/issues/146
    _RefusedMessage("MessageTooLong", "", *_TOO_LONG),
    # SQS, of a batch, which may be one message:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
    _RefusedMessage("BatchRequestTooLong", "", *_TOO_LONG),
    # SQS, by the page of SendMessage; ElasticMQ and LocalStack, too
    _RefusedMessage("InvalidMessageContents", "", *_CHARACTERS),
    # SQS words it so beside its own code; the last is ElasticMQ's.
    _RefusedMessage("InvalidParameterValue", "invalid (binary )?character|InvalidMessageContents", *_CHARACTERS),
    # SQS before fair queues (July 2025): https://github.com/getmoto/moto/issues/4594
    # ElasticMQ before 1.6.14: https://github.com/softwaremill/elasticmq/issues/1137. The words between differ.
    _RefusedMessage("InvalidParameterValue", r"\bparameter MessageGroupId\b.*not valid for this queue type", *_GROUP),
)


def denied(action: str) -> Errors:
    """The errors of a call that needs the right to this action, and on an encrypted queue the use of its key."""
    refusals: Errors = dict.fromkeys(DENIED, _failure(f"does not allow the role {action}"))
    return refusals | unusable_key()


def unusable_key() -> Errors:
    """The errors of a call that reads or writes messages of an encrypted queue."""
    needs = "the role needs kms:Decrypt on the queue's key, and to send kms:GenerateDataKey"
    refusals: Errors = {code: _failure(f"answered {code}: {needs}") for code in _DENIED_KEYS}
    return refusals | {code: _failure(f"answered {code}: check the key that encrypts the queue") for code in _BAD_KEYS}


def no_queue(queue_url: str) -> Errors:
    """The errors of a call to a queue that does not exist."""
    return dict.fromkeys(NO_QUEUE, _failure(f"has no queue at {queue_url}"))


@contextmanager
def of_a_sent_message() -> Iterator[None]:
    """Raise InvalidMessageError where SQS refuses the message itself, and would refuse it again.

    Every other error of the SDK goes on as it is, also one with the code of such a refusal and an unknown text: what
    is wrong is then not known, and may be a setting.
    """
    try:
        yield
    except ClientError as exc:
        code, text = refusal_of(exc).code, str(exc.response.get("Error", {}).get("Message", ""))
        for refused in _REFUSED_MESSAGES:
            if code == refused.code and re.search(refused.text, text, re.IGNORECASE):
                raise InvalidMessageError(refused.field, refused.problem) from exc
        raise


def _failure(problem: str) -> Callable[[], WorkerError]:
    return lambda: DependencyUnavailableError(SQS, problem)
