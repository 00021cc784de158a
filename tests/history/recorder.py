"""What real writers did and real readers saw, in the order of time, and its check afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.core.checker import ViolationError, brief
from tests.simulation.progress.invariants import Checker, ReadBound
from worker.application.progress.reader import Reading
from worker.domain.progress import Record

_LINES = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """One call of the checker, or a step of `check`."""

    at: float  # seconds since the beginning
    what: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        arguments = ", ".join(
            brief(each) if isinstance(each, Record) else brief(each.record) if isinstance(each, Reading) else str(each)
            for each in self.arguments
        )
        return f"{self.at:9.3f}  {self.what} {arguments}"

    def is_about(self, job_id: str | None) -> bool:
        return job_id is None or any(job_id in {each, getattr(each, "job_id", None)} for each in self.arguments)


@dataclass(slots=True)
class History:
    """One event loop records everything, so the order of the entries is the order in which they happened."""

    entries: list[Entry] = field(default_factory=list)
    began_at: float = 0.0
    losses: int = 0
    longest: dict[str, float] = field(default_factory=dict)  # call, in seconds
    _reads: int = 0

    def note(self, at: float, what: str, *arguments: Any) -> None:
        self.entries.append(Entry(at - self.began_at, what, arguments))

    def redis_loses_everything(self, at: float) -> None:
        self.losses += 1
        self.note(at, "redis_lost_writes", {})

    def read_begins(self, at: float, job_id: str) -> int:
        self._reads += 1
        self.note(at, "read_begins", self._reads, job_id)
        return self._reads

    def took(self, what: str, seconds: float) -> None:
        self.longest[what] = max(self.longest.get(what, 0.0), seconds)

    def counts(self) -> Counter[str]:
        return Counter(entry.what for entry in self.entries)

    def check(self) -> None:
        """Raises ViolationError, with what happened to the job before."""
        checker = Checker()
        bounds: dict[int, ReadBound] = {}
        for number, entry in enumerate(self.entries):
            try:
                self._replay(entry, checker, bounds)
            except ViolationError as violation:
                job_id = _job_of(entry)
                about = [str(each) for each in self.entries[: number + 1] if each.is_about(job_id)]
                raise ViolationError("\n".join([str(violation), *about[-_LINES:]])) from None

    @staticmethod
    def _replay(entry: Entry, checker: Checker, bounds: dict[int, ReadBound]) -> None:
        match entry.what, entry.arguments:
            case "fault", _:
                pass
            case "acknowledged", (record, is_durable, losses_before):
                checker.acknowledged(record, is_durable=is_durable, losses_before=losses_before)
            case "read_begins", (number, job_id):
                bounds[number] = checker.read_bound(job_id)
            case "read_ends", (number, session, job_id, reading, reached_table):
                checker.read(session, job_id, bounds.pop(number), reading, reached_table=reached_table)
            case what, arguments:
                getattr(checker, what)(*arguments)


def _job_of(entry: Entry) -> str | None:
    for each in entry.arguments:
        if isinstance(each, Record):
            return each.job_id
    named = [each for each in entry.arguments if isinstance(each, str) and each.startswith("job-")]
    return named[0] if named else None
