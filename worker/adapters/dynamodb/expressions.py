"""The conditional writes of a record, as arguments of UpdateItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.domain.progress import FINAL, Record, Status, Version

CANCEL_NAMES = {"#cancel": "cancel_requested_at"}  # epoch seconds; stays until the item goes
_NAMES = {
    "#fence": "fence",
    "#seq": "seq",
    "#status": "status",
    "#worker": "worker",
    "#record": "record",
    "#expires": "expires_at",
}
# How many attempts have recorded their end; the record's `attempt` also counts those that have not.
_ENDED_NAMES = _NAMES | {"#ended": "attempts_ended"}

_SET = "SET #fence = :fence, #seq = :seq, #status = :status, #worker = :worker, #record = :record, #expires = :expires"
_SET_WITH_ENDED = f"{_SET}, #ended = :ended"
_SET_AND_FORGET = f"{_SET_WITH_ENDED} REMOVE #cancel"

_FINAL = {f":{status}": {"S": status.value} for status in sorted(FINAL)}
_NOT_FINAL = f"NOT #status IN ({', '.join(_FINAL)})"
_NEWER = "#fence < :fence OR (#fence = :fence AND #seq < :seq AND #worker = :worker)"
_ABSENT = "attribute_not_exists(job_id) OR #expires <= :now"
_ABSENT_OR_OLDER = f"{_ABSENT} OR ({_NOT_FINAL} AND ({_NEWER}))"
_UNCHANGED = "#fence = :seen_fence AND #seq = :seen_seq"


@dataclass(frozen=True, slots=True)
class ConditionalUpdate:
    """What is set, and the condition for it. `values` lacks those of the record itself: `record_values` has them."""

    update: str
    condition: str
    names: Mapping[str, str]
    values: Mapping[str, Any]


def if_newer(record: Record, now: int) -> ConditionalUpdate:
    """Set the record if it is newer than the one that is held, and that one is not final. `now`: epoch seconds."""
    return _update(record, _ABSENT_OR_OLDER, {**_FINAL, ":now": number(now)})


def if_unchanged(record: Record, seen: Version) -> ConditionalUpdate:
    """Set the record if the one that is held is at version `seen`."""
    return _update(record, _UNCHANGED, {":seen_fence": number(seen.fence), ":seen_seq": number(seen.seq)})


def if_absent(record: Record, now: int) -> ConditionalUpdate:
    """Set the record if none is held, or one that has expired. `now`: epoch seconds.

    What was kept beside an expired record is not about this job: it is removed.
    """
    ended = record.attempt if record.status is Status.QUEUED else 0
    values = {":now": number(now), ":ended": number(ended)}
    return ConditionalUpdate(_SET_AND_FORGET, _ABSENT, _ENDED_NAMES | CANCEL_NAMES, values)


def record_values(record: Record, expires_at: int) -> Mapping[str, Any]:
    """The record as the values that each update sets. `expires_at`: epoch seconds."""
    return {
        ":fence": number(record.version.fence),
        ":seq": number(record.version.seq),
        ":status": {"S": record.status.value},
        ":worker": {"S": record.worker or ""},
        ":record": {"S": record.to_json()},
        ":expires": number(expires_at),
    }


def number(value: int) -> Any:
    return {"N": str(value)}


def _update(record: Record, condition: str, values: Mapping[str, Any]) -> ConditionalUpdate:
    """An update that keeps what is beside the record. One to `queued` says that all attempts so far have ended."""
    if record.status is not Status.QUEUED:
        return ConditionalUpdate(_SET, condition, _NAMES, values)
    ended = number(record.attempt)
    return ConditionalUpdate(_SET_WITH_ENDED, condition, _ENDED_NAMES, {**values, ":ended": ended})
