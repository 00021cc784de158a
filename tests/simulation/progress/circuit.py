"""The invariant of a worker's circuit and of its replays."""

from __future__ import annotations

from tests.simulation.progress.invariants import Checker
from worker.domain.progress import Record, Status, Version
from worker.ports import WriteResult


class CircuitChecker:
    """I8, for one worker: only the prober probes; an outage is reported once, and its end once, after the replay."""

    def __init__(self, name: str, checker: Checker) -> None:
        self._name = name
        self._checker = checker
        self._is_over = False
        self._is_probing = False
        self._due: dict[str, Version] = {}  # by job, the version that Redis must have when it is back
        self._ends: set[str] = set()  # jobs of which the newest record is not `running`
        self._missing: dict[str, Version] = {}  # of those, what this replay has not written yet
        self.failovers = 0
        self.failbacks = 0

    def user_calls(self, *, is_closed: bool) -> None:
        if not is_closed:
            self._checker.violated(f"I8: {self._name} wrote to Redis while its circuit was open")

    def probe_begins(self) -> None:
        if self._is_probing:
            self._checker.violated(f"I8: {self._name} has two probes in flight")
        self._is_probing = True

    def probe_ends(self) -> None:
        self._is_probing = False

    def acknowledged(self, record: Record) -> None:
        """The worker knows that one of the stores keeps the record."""
        due = self._due.get(record.job_id)
        if due is None or record.version > due:
            self._due[record.job_id] = record.version
            if record.status is Status.RUNNING:
                self._ends.discard(record.job_id)
            else:
                self._ends.add(record.job_id)

    def refused(self, job_id: str) -> None:
        self._due.pop(job_id, None)
        self._missing.pop(job_id, None)

    def redis_answered(self, record: Record, outcome: WriteResult) -> None:
        job_id, version = record.job_id, record.version
        missing = self._missing.get(job_id)
        if missing is not None and version >= missing:
            del self._missing[job_id]
        due = self._due.get(job_id)
        if (
            due is not None
            and version >= due
            and (outcome is WriteResult.STALE or record.status is not Status.RUNNING)
        ):
            del self._due[job_id]

    def attempt_ended(self, job_id: str) -> None:
        """A record that still says `running` need not be written any more."""
        if job_id not in self._ends:
            self.refused(job_id)

    def replay_begins(self) -> None:
        self._missing = dict(self._due)

    def failed_over(self) -> None:
        self._checker.noted(f"{self._name} fails over")
        if self._is_over:
            self._checker.violated(f"I8: {self._name} failed over twice in one outage")
        self._is_over = True
        self.failovers += 1

    def failed_back(self) -> None:
        self._checker.noted(f"{self._name} fails back")
        if not self._is_over:
            self._checker.violated(f"I8: {self._name} failed back from no outage")
        if self._missing:
            self._checker.violated(f"I8: {self._name} failed back before Redis had {sorted(self._missing)}")
        self._is_over = False
        self.failbacks += 1
