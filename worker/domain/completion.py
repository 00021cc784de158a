"""The completion event of a job (docs/events-out.md), and when it is published again after a failure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

from worker.domain.progress import Record, timestamp

# SNS takes 256 KiB, with the attributes of the message counted:
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
# EventBridge takes as much or more: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
MAX_EVENT_BYTES = 262_144 - 1024
_FEW_REPAIRS = 20

_FIRST_SECONDS = 5.0
_LONGEST_SECONDS = 900.0
_GIVEN_UP_SECONDS = 3600.0
_MOST_RECEIVES = 10


@dataclass(frozen=True, slots=True)
class CompletionEvent:
    """The end of a run of a job, as the final `record` shows it. Each repetition is the same, to the byte.

    Raises ValueError for a record that is not final.
    """

    record: Record

    def __post_init__(self) -> None:
        if not self.record.is_final:
            raise ValueError("only the end of a job is published")

    @property
    def event_id(self) -> str:
        """An id that no other end of a job has."""
        return f"{self.record.job_id}:{self.record.version.fence}:{self.record.version.seq}"

    @property
    def type(self) -> str:
        """`job.completed`, `job.failed` or `job.cancelled`."""
        return f"job.{self.record.status.value}"

    def to_json(self) -> str:
        """The document, of at most `MAX_EVENT_BYTES` in UTF-8.

        What it has no room for is left out: repairs but for the first, then the playlists of streams, whose names
        follow from their targets. Sources and targets always have room, sixteen of the longest keys each.
        """
        text = self._document(self.record)
        for shorter in (_with_few_repairs(self.record), _without_playlists(_with_few_repairs(self.record))):
            if len(text.encode()) <= MAX_EVENT_BYTES:
                break
            text = self._document(shorter)
        return text

    def _document(self, record: Record) -> str:
        document = {
            "event_id": self.event_id,
            "type": self.type,
            "time": timestamp(record.updated_at),
            "record": record.to_dict(),
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _with_few_repairs(record: Record) -> Record:
    repairs = record.repaired
    if len(repairs) <= _FEW_REPAIRS:
        return record
    rest = f"{len(repairs) - _FEW_REPAIRS} more repairs are in the job's record"
    return replace(record, repaired=(*repairs[:_FEW_REPAIRS], rest))


def _without_playlists(record: Record) -> Record:
    return replace(record, outputs=tuple(replace(output, playlist=None) for output in record.outputs))


def delay_before_next_try(
    ended_at: datetime, now: datetime, random: float, *, receives: int | None = None
) -> float | None:
    """How many seconds after a failure the event is published again. None: it is given up.

    It waits about as long as the job has ended, from five seconds to a quarter of an hour: some ten tries in an hour,
    whichever workers make them. It is given up when the hour is over and the message has been received ten times: the
    record may have waited for the job table longer than that. `receives` is None where the job has ended just now.
    `random` is in [0, 1).
    """
    seconds = (now - ended_at).total_seconds()
    if seconds >= _GIVEN_UP_SECONDS and receives is not None and receives >= _MOST_RECEIVES:
        return None
    return min(max(seconds, _FIRST_SECONDS), _LONGEST_SECONDS) * (0.75 + 0.25 * random)
