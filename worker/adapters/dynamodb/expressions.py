"""The conditional writes of a record, as arguments of UpdateItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from worker.domain.claim import ClaimMark, JobMessage
from worker.domain.progress import FINAL, FIRST_RUN, Record, Status, Version

CANCEL = "cancel_requested_at"  # epoch seconds; stays until the item goes, or the next run begins
STATUS_AT = "status_at"  # epoch milliseconds; with `status` the key of the index that lists jobs

_MARK = ("claim_token", "is_suspect", "deaths_alone")
_MESSAGE = ("message", "group_id")

_FINAL = {f":{status}": {"S": status.value} for status in sorted(FINAL)}
_NOT_FINAL = f"NOT #status IN ({', '.join(_FINAL)})"
_NEWER = "#fence < :fence OR (#fence = :fence AND #seq < :seq AND #worker = :worker)"
_ABSENT = "attribute_not_exists(job_id) OR #expires_at <= :now"
_ABSENT_OR_OLDER = f"{_ABSENT} OR ({_NOT_FINAL} AND ({_NEWER}))"
# An item that an earlier version of the worker wrote has no run: it is of the first.
_OF_AN_EARLIER_RUN = "(attribute_not_exists(#run) OR #run < :run) AND #fence < :fence"
_NEXT_RUN = f"#status IN (:failed, :cancelled) AND {_OF_AN_EARLIER_RUN}"
_UNCHANGED = "#fence = :seen_fence AND #seq = :seen_seq"
_PLACEHOLDER = re.compile(r"#(\w+)")


@dataclass(frozen=True, slots=True)
class ConditionalUpdate:
    """What is set and removed, by the names of attributes, and the condition for it.

    In expressions an attribute is `#` and its name, and its new value `:` and its name. `values` are the other values
    of the condition.
    """

    condition: str
    values: Mapping[str, Any]
    sets: Mapping[str, Any] = field(default_factory=dict)
    removes: frozenset[str] = frozenset()

    def setting(self, attributes: Mapping[str, Any]) -> ConditionalUpdate:
        """The update with these attributes set as well, and not removed."""
        return replace(self, sets={**self.sets, **attributes}, removes=self.removes - attributes.keys())

    def removing(self, *names: str) -> ConditionalUpdate:
        """The update with these attributes removed as well."""
        return replace(self, removes=self.removes | set(names))

    def arguments(self) -> dict[str, Any]:
        """The arguments of UpdateItem, without table and key."""
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in self.sets)
        if self.removes:
            update += " REMOVE " + ", ".join(f"#{name}" for name in sorted(self.removes))
        return {
            "UpdateExpression": update,
            "ConditionExpression": self.condition,
            "ExpressionAttributeNames": {
                f"#{name}": name for name in _PLACEHOLDER.findall(f"{update} {self.condition}")
            },
            "ExpressionAttributeValues": {**self.values, **{f":{name}": value for name, value in self.sets.items()}},
        }


def if_newer(record: Record, now: int) -> ConditionalUpdate:
    """An update for where the record may replace the one that is held. `now`: epoch seconds."""
    condition = _ABSENT_OR_OLDER if record.run == FIRST_RUN else f"{_ABSENT_OR_OLDER} OR ({_NEXT_RUN})"
    return ConditionalUpdate(condition, {**_FINAL, ":now": number(now)})


def if_unchanged(seen: Version) -> ConditionalUpdate:
    """An update for where the record that is held is at version `seen`."""
    return ConditionalUpdate(_UNCHANGED, {":seen_fence": number(seen.fence), ":seen_seq": number(seen.seq)})


def if_absent(now: int) -> ConditionalUpdate:
    """An update for where no record is held, or one that has expired. `now`: epoch seconds.

    What was kept beside an expired record is not about this job: it is removed.
    """
    return ConditionalUpdate(_ABSENT, {":now": number(now)}).removing(CANCEL, *_MARK, *_MESSAGE)


def record_attributes(record: Record, expires_at: int) -> dict[str, Any]:
    """The record as attributes. `expires_at`: epoch seconds."""
    return {
        "fence": number(record.version.fence),
        "seq": number(record.version.seq),
        "status": {"S": record.status.value},
        "run": number(record.run),
        "worker": {"S": record.worker or ""},
        "record": {"S": record.to_json()},
        "expires_at": number(expires_at),
    }


def new_status(record: Record) -> dict[str, Any]:
    """When the job came to the status of the record: set by every write but a tick.

    So a claim that takes a running job over counts as a new beginning.
    """
    return {STATUS_AT: number(round(record.updated_at.timestamp() * 1000))}


def with_claim(update: ConditionalUpdate, mark: ClaimMark, message: JobMessage | None) -> ConditionalUpdate:
    """The update with the mark of a claim, and with the message of the job or without any."""
    marked = update.setting(
        {
            "claim_token": {"S": mark.token},
            "is_suspect": {"BOOL": mark.is_suspect},
            "deaths_alone": number(mark.deaths_alone),
        }
    )
    return with_message(marked, message)


def with_message(update: ConditionalUpdate, message: JobMessage | None) -> ConditionalUpdate:
    """The update with the message of the job; None: with none."""
    if message is None:
        return update.removing(*_MESSAGE)
    group = {} if message.group_id is None else {"group_id": {"S": message.group_id}}
    return update.removing(*_MESSAGE).setting({"message": {"S": message.body}, **group})


def begins_run(seen: Version) -> ConditionalUpdate:
    """An update for where the record that is held is at version `seen`, which begins the next run.

    What was kept of that run does not count for the next: deaths are 0 again, and a request to cancel is removed.
    """
    return if_unchanged(seen).setting({"deaths_alone": number(0)}).removing(CANCEL)


def is_tick(record: Record) -> bool:
    """Whether the record, where it is newer, leaves the job in the status that it had."""
    return record.status is Status.RUNNING


def number(value: int) -> Any:
    return {"N": str(value)}
