"""The attributes that a rejected message gets on the dead-letter queue: the reason, within SQS's limits of size.

A message that has them has been there, and was moved back: by `worker redrive`, by AWS (StartMessageMoveTask) or by
hand. All of these keep attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from worker import __version__
from worker.domain.disposition import Reject
from worker.domain.progress import FIRST_RUN, timestamp
from worker.domain.redaction import redact
from worker.ports import Delivery

_MAX_ATTRIBUTES = 10
_MAX_REASON_CHARACTERS = 1024
_TYPE = "String"
TRACE = "AWSTraceHeader"  # a system attribute; it does not count towards the size of the message
_RUN = re.compile("[1-9][0-9]{0,8}")
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def dead_letter_attributes(delivery: Delivery, rejection: Reject, *, max_bytes: int) -> dict[str, str]:
    """Our attributes first, then as many of the message's own as SQS allows.

    Names, types and values of attributes count together with the body, `max_bytes` at most
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html).
    Attributes that do not fit are left out, so that the message itself always gets there.
    """
    reasons = {
        "error_code": rejection.error.code.value,
        "run": None if rejection.run == FIRST_RUN else str(rejection.run),
        "original_message_id": delivery.message_id,
        "job_id": rejection.job_id,
        "attempt": None if rejection.attempt is None else str(rejection.attempt),
        "rejected_at": timestamp(datetime.now(UTC)),
        "worker_version": __version__,
        "error": _REFUSED_CHARACTERS.sub("�", redact(str(rejection.error)))[
            :_MAX_REASON_CHARACTERS
        ],  # cut to the space that is left
    }
    own = {name: value for name, value in delivery.attributes.items() if name not in {*reasons, TRACE}}
    left_bytes = max_bytes - _bytes(delivery.body)
    attributes: dict[str, str] = {}
    for name, text in [*reasons.items(), *own.items()]:
        space = left_bytes - _bytes(name) - _bytes(_TYPE)
        value = _cut(text, space) if text and name == "error" else text
        if value and _bytes(value) <= space and len(attributes) < _MAX_ATTRIBUTES:
            attributes[name] = value
            left_bytes = space - _bytes(value)
    return attributes


def string_attribute(value: str) -> dict[str, str]:
    """An attribute of a message as SQS takes it."""
    return {"DataType": _TYPE, "StringValue": value}


def is_dead_letter(attributes: Mapping[str, str]) -> bool:
    """Whether a message with these attributes was rejected by a worker."""
    return "error_code" in attributes and "original_message_id" in attributes


def rejected_run_in(attributes: Mapping[str, str]) -> int | None:
    """The run in which a message with these attributes was rejected. None: it is no dead letter of a worker's.

    Nor is one whose run is no number: any producer can give a message such attributes.
    """
    run = attributes.get("run", str(FIRST_RUN))
    return int(run) if is_dead_letter(attributes) and _RUN.fullmatch(run) else None


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[: max(0, max_bytes)].decode(errors="ignore")


def _bytes(text: str) -> int:
    return len(text.encode())
