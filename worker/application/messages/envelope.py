"""From a message's body to the jobs in it: a job as it is, or wrapped by SNS, S3 or EventBridge.

docs/messages.md shows a body of each kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.application.messages.json_text import read_object
from worker.application.messages.message import job_from
from worker.application.messages.presets import BUILT_IN, Presets
from worker.application.messages.s3_event import (
    Entry,
    entries_of_notification,
    entry_of_event_bridge,
    is_event_bridge,
    is_notification,
)
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.domain.errors import InvalidMessageError
from worker.domain.outcome import Ignored


@dataclass(frozen=True, slots=True)
class Contents:
    """What a body holds: at least one entry, each a job, a refusal or nothing to do.

    `attributes` are those that the envelope carries; a message of SNS has its own.
    """

    entries: Sequence[Entry]
    attributes: Mapping[str, str] = field(default_factory=dict)


def open_envelope(body: str, outputs: S3EventOutputs | None, presets: Presets = BUILT_IN) -> Contents:
    """Read any text; raises nothing. `outputs` makes jobs of new objects in S3; None refuses their events."""
    attributes: Mapping[str, str] = {}
    try:
        document = read_object(body)
        if _is_from_sns(document):
            attributes = _attributes_of_sns(document)
            document = _message_of_sns(document)
        return Contents(_entries(document, outputs, presets), attributes)
    except InvalidMessageError as refusal:
        return Contents([refusal], attributes)


def _entries(document: dict[str, Any], outputs: S3EventOutputs | None, presets: Presets) -> Sequence[Entry]:
    """The entries in the JSON of a body. Raises InvalidMessageError."""
    if is_notification(document):
        return entries_of_notification(document, outputs) or [Ignored("no records")]
    if is_event_bridge(document):
        return [entry_of_event_bridge(document, outputs)]
    return [job_from(document, presets)]


# https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html


def _is_from_sns(document: Mapping[str, Any]) -> bool:
    return "Type" in document and ("Message" in document or "TopicArn" in document)


def _message_of_sns(document: Mapping[str, Any]) -> dict[str, Any]:
    if document["Type"] != "Notification":
        # Above all a SubscriptionConfirmation, whose token an operator has to use: the dead-letter queue keeps it.
        raise InvalidMessageError("Type", "must be Notification: only those carry a job")
    message = document.get("Message")
    if not isinstance(message, str):
        raise InvalidMessageError("Message", "must be a string")
    return read_object(message, "Message")


def _attributes_of_sns(document: Mapping[str, Any]) -> Mapping[str, str]:
    attributes = document.get("MessageAttributes")
    if not isinstance(attributes, dict):
        return {}
    values = {name: entry.get("Value") for name, entry in attributes.items() if isinstance(entry, dict)}
    return {name: value for name, value in values.items() if isinstance(value, str)}
