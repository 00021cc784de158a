"""Items of the job table, read back. Each function raises UnreadableRecordError with the attribute at fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from worker.adapters.dynamodb.expressions import CANCEL
from worker.domain.claim import ClaimMark, JobMessage, JobState
from worker.domain.progress import Record
from worker.ports import UnreadableRecordError

Item = Mapping[str, Any]


def expiry_in(item: Item) -> float:
    """When the item counts as absent, in epoch seconds."""
    with _reading("expires_at"):
        return float(item["expires_at"]["N"])


def state_of(item: Item) -> JobState:
    """The record of the item, with what is kept beside it."""
    expiry_in(item)  # where it cannot be read, the item could be seen once and not the next time
    record = _record_in(item)
    return JobState(record, _mark_in(item), is_cancel_requested=CANCEL in item, message=_message_in(item))


def _record_in(item: Item) -> Record:
    with _reading("record"):
        record = Record.from_json(item["record"]["S"])
    # Conditions compare these attributes. With others than those of the record, no write would ever meet one.
    for name, value in (("fence", record.version.fence), ("seq", record.version.seq)):
        if item.get(name) != {"N": str(value)}:
            raise _unreadable(name)
    if item.get("job_id") != {"S": record.job_id}:  # what is written for that job would change another one's
        raise _unreadable("record")
    return record


def _mark_in(item: Item) -> ClaimMark | None:
    if "claim_token" not in item:
        return None
    with _reading("claim_token"):
        token = item["claim_token"]["S"]
    with _reading("is_suspect"):
        is_suspect = item["is_suspect"]["BOOL"]
    with _reading("deaths_alone"):
        return ClaimMark(token, is_suspect, int(item["deaths_alone"]["N"]))


def _message_in(item: Item) -> JobMessage | None:
    if "message" not in item:
        return None
    with _reading("message"):
        body = item["message"]["S"]
    with _reading("group_id"):
        return JobMessage(body, item["group_id"]["S"] if "group_id" in item else None)


@contextmanager
def _reading(attribute: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError) as exc:
        raise _unreadable(attribute) from exc


def _unreadable(attribute: str) -> UnreadableRecordError:
    return UnreadableRecordError("DynamoDB", attribute)
