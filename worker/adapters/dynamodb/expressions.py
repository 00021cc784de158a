"""The conditional writes of a record, as arguments of UpdateItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from worker.domain.claim import ClaimMark
from worker.domain.progress import FINAL, Record, Version

CANCEL_NAMES = {"#cancel": "cancel_requested_at"}  # epoch seconds; stays until the item goes
_NAMES = {
    "#fence": "fence",
    "#seq": "seq",
    "#status": "status",
    "#worker": "worker",
    "#record": "record",
    "#expires": "expires_at",
}
_MARK_NAMES = {"#token": "claim_token", "#suspect": "is_suspect", "#deaths": "deaths_alone"}

_SET = "SET #fence = :fence, #seq = :seq, #status = :status, #worker = :worker, #record = :record, #expires = :expires"
_SET_MARK = ", #token = :token, #suspect = :suspect, #deaths = :deaths"

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
    names: dict[str, str]
    values: dict[str, Any]


def if_newer(record: Record, now: int) -> ConditionalUpdate:
    """Set the record if it is newer than the one that is held, and that one is not final. `now`: epoch seconds."""
    return ConditionalUpdate(_SET, _ABSENT_OR_OLDER, _NAMES, {**_FINAL, ":now": number(now)})


def if_unchanged(seen: Version, mark: ClaimMark | None = None) -> ConditionalUpdate:
    """Set the record, and the mark of a claim, if the record that is held is at version `seen`."""
    values = {":seen_fence": number(seen.fence), ":seen_seq": number(seen.seq)}
    return _with_mark(ConditionalUpdate(_SET, _UNCHANGED, _NAMES, values), mark)


def if_absent(now: int, mark: ClaimMark | None = None) -> ConditionalUpdate:
    """Set the record, and the mark of a claim, if none is held, or one that has expired. `now`: epoch seconds.

    What was kept beside an expired record is not about this job: it is removed.
    """
    update = _with_mark(ConditionalUpdate(_SET, _ABSENT, _NAMES, {":now": number(now)}), mark)
    forgotten = CANCEL_NAMES if mark is not None else CANCEL_NAMES | _MARK_NAMES
    return replace(update, update=f"{update.update} REMOVE {', '.join(forgotten)}", names=update.names | forgotten)


def mark_in(item: Mapping[str, Any]) -> ClaimMark | None:
    """The mark of the last claim. Raises KeyError or ValueError for an item that somebody else has changed."""
    if "claim_token" not in item:
        return None
    return ClaimMark(item["claim_token"]["S"], item["is_suspect"]["BOOL"], int(item["deaths_alone"]["N"]))


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


def _with_mark(update: ConditionalUpdate, mark: ClaimMark | None) -> ConditionalUpdate:
    if mark is None:
        return update
    values = {
        ":token": {"S": mark.token},
        ":suspect": {"BOOL": mark.is_suspect},
        ":deaths": number(mark.deaths_alone),
    }
    return replace(
        update,
        update=update.update + _SET_MARK,
        names=update.names | _MARK_NAMES,
        values=update.values | values,
    )
