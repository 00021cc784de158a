"""The runs of a job: which were asked for, which record began each, and how each ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from worker.domain.progress import FIRST_RUN, Record, Status, Version


@dataclass(slots=True)
class Runs:
    """The runs of one job. A method that says what is wrong returns None where nothing is."""

    asked: set[int] = field(default_factory=lambda: {FIRST_RUN})
    retries: int = 0  # requests that go on: each may begin any run
    ends: dict[int, Record] = field(default_factory=dict)
    known_end: Record | None = None  # the newest whose writer knows that it is kept
    _started: set[int] = field(default_factory=set)
    _of: dict[int, int] = field(default_factory=dict)  # by fence

    @property
    def is_completed(self) -> bool:
        return any(end.status is Status.COMPLETED for end in self.ends.values())

    def of(self, version: Version) -> int:
        """The run that the version belongs to."""
        return self._of.get(version.fence, FIRST_RUN)

    def problem_with_claim(self, before: Record | None, record: Record) -> str | None:
        """The table has taken the record of a claim, of an end without a start, or of a run's beginning."""
        self._of[record.version.fence] = record.run
        last = FIRST_RUN if before is None else before.run
        if record.run != last:
            return self._problem_with_beginning(before, record)
        if record.status is Status.RUNNING and record.run not in self._started:
            self._started.add(record.run)
            if record.attempt != 1:
                return f"run {record.run} starts at attempt {record.attempt}"
        return None

    def _problem_with_beginning(self, before: Record | None, record: Record) -> str | None:
        if before is None or record.run != before.run + 1:
            return f"run {record.run} begins after {before and before.run}"
        if before.status not in {Status.FAILED, Status.CANCELLED}:
            return f"run {record.run} begins after a job that is {before.status}"
        if record.status is not Status.QUEUED or record.attempt != 0:
            return f"run {record.run} begins as {record.status} with attempt {record.attempt}"
        if record.run not in self.asked and not self.retries:
            return f"nobody asked for run {record.run}"
        return None

    def problem_with_end(self, record: Record) -> str | None:
        """A final record was kept, acknowledged or shown."""
        first = self.ends.setdefault(record.run, record)
        return None if record == first else f"run {record.run} has two ends"

    def end_is_known(self, record: Record) -> None:
        if self.known_end is None or record.run > self.known_end.run:
            self.known_end = record


def may_follow(before: Record, record: Record) -> bool:
    """Whether the one record may follow the other at a party: a later version, and after an end a later run."""
    if record.version <= before.version or record.run < before.run:
        return False
    return not before.is_final or (before.status is not Status.COMPLETED and record.run > before.run)
