"""A record as the client returns it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from worker.domain.progress import Record


@dataclass(frozen=True, slots=True)
class JobRecord(Record):
    """A job's record, and how well it is known.

    It is not `fresh` where a store could not be asked: the job may be further along. `status_at` is when the job came
    to its status; only lists say it.
    """

    fresh: bool = True
    status_at: datetime | None = None

    @classmethod
    def of(cls, record: Record, *, fresh: bool = True, status_at: datetime | None = None) -> JobRecord:
        values = {field.name: getattr(record, field.name) for field in fields(Record)}
        return cls(**values, fresh=fresh, status_at=status_at)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON's types (docs/progress.md), with `"fresh": false` where it is not fresh."""
        return Record.to_dict(self) | ({} if self.fresh else {"fresh": False})
