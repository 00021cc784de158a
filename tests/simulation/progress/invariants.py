"""The invariants of progress, checked for every record that is kept, acknowledged or shown.

The simulation checks after each step. The history test replays what real stores and readers did, in the order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.simulation.core.checker import BaseChecker, brief, brief_version, traced
from tests.support.lean_loop import LeanLoop
from worker.application.progress.reader import Reading
from worker.domain.progress import Record, Status, Version
from worker.ports import WriteResult

LONGEST_CALL_SECONDS = 1.0  # of what nothing waits for


@dataclass(slots=True)
class Job:
    """What is known of one job."""

    claims: list[Version] = field(default_factory=list)  # that were kept
    claimed: set[int] = field(default_factory=set)  # their fences
    highest_claim: int = 0  # of those whose claim was acknowledged
    published: set[int] = field(default_factory=set)  # fences of attempts whose outputs can be read
    durable: Version | None = None  # the newest version that was acknowledged as kept in the table
    newest: Version | None = None  # the newest version that was acknowledged at all, and that Redis did not lose
    final: Record | None = None  # the first final record that was kept
    is_final_known: bool = False  # and its writer knows


@dataclass(frozen=True, slots=True)
class ReadBound:
    """What a read that begins now must at least show."""

    durable: Version | None
    newest: Version | None
    final: Record | None
    losses: int


class Checker(BaseChecker):
    """The invariants.

    I1: a store never goes back, unless Redis loses writes, and a final record never changes.
    I2: a job has one final record; once it is acknowledged, every read that is fresh or reached the table shows it.
    I4: after a claim is acknowledged, the table takes nothing of a lower fence.
    I5: no session sees an older version than before, except of a final record, or the percentage of an attempt fall.
    I6: a read is not older than what was acknowledged before it began. A read that reached the table shows at least
    what is kept there; a fresh one what any store acknowledged, except for what Redis has lost.
    I7: every call ends within a second; one that a job waits for, within its own budget.
    Also: nothing is kept of an attempt that was never claimed, and `completed` comes after its outputs.
    """

    def __init__(self, loop: LeanLoop | None = None) -> None:
        super().__init__(loop)
        self._jobs: dict[str, Job] = {}
        self._losses = 0
        self._shown: dict[tuple[object, str], Record] = {}

    def job(self, job_id: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None:
            job = self._jobs[job_id] = Job()
        return job

    # --- what a store keeps -----------------------------------------------------------------------------------------

    def claim_kept(self, before: Record | None, record: Record) -> None:
        """The table has taken a claim."""
        self.claim_asked(record)
        self.kept("table", before, record)

    def claim_asked(self, record: Record) -> None:
        """A claim may be kept from now on."""
        job = self.job(record.job_id)
        job.claimed.add(record.version.fence)
        job.claims.append(record.version)

    @traced("{store} takes {record}")
    def kept(self, store: str, before: Record | None, record: Record) -> None:
        """A store holds `record` where it held `before`."""
        job = self.job(record.job_id)
        fence = record.version.fence
        if before is not None and (before.is_final or before.version >= record.version):
            self.violated(f"I1: {store} went from {brief(before)} to {brief(record)}")
        if store == "table" and fence < job.highest_claim:
            self.violated(
                f"I4: the table took {brief(record)} after the claim of {job.highest_claim} was acknowledged"
            )
        if fence not in job.claimed:
            self.violated(f"{store} took {brief(record)}, of an attempt that was never claimed")
        if record.is_final:
            self._saw_final(job, record)

    @traced("Redis loses writes and holds {held}")
    def redis_lost_writes(self, held: Mapping[str, Record]) -> None:
        """Redis now holds no more than `held`."""
        self._losses += 1
        for job_id, job in self._jobs.items():
            left = held.get(job_id)
            known = [each for each in (job.durable, None if left is None else left.version) if each is not None]
            job.newest = max(known, default=None)

    # --- what is acknowledged --------------------------------------------------------------------------------------

    @property
    def losses(self) -> int:
        """How often Redis has lost writes."""
        return self._losses

    @traced("{record.worker} has claimed {record.job_id}")
    def claim_acknowledged(self, record: Record) -> None:
        job = self.job(record.job_id)
        job.highest_claim = max(job.highest_claim, record.version.fence)
        self.acknowledged(record, is_durable=True, losses_before=self._losses)

    @traced("{record.worker} knows that {record} is kept")
    def acknowledged(self, record: Record, *, is_durable: bool, losses_before: int) -> None:
        """A writer knows that the record is kept. `losses_before` is `losses` at the time of its call."""
        job = self.job(record.job_id)
        version = record.version
        if is_durable:
            if job.durable is None or version > job.durable:
                job.durable = version
            if record.is_final:
                self._saw_final(job, record)
                job.is_final_known = True
        if (is_durable or losses_before == self._losses) and (job.newest is None or version > job.newest):
            job.newest = version

    @traced("outputs of {job_id} are published under {fence}")
    def published(self, job_id: str, fence: int) -> None:
        """All outputs of the attempt can be read."""
        self.job(job_id).published.add(fence)

    def took(self, what: str, seconds: float, longest: float = LONGEST_CALL_SECONDS) -> None:
        if seconds > longest:
            self.violated(f"I7: {what} took {seconds:.3f} s")

    # --- what readers see -------------------------------------------------------------------------------------------

    def read_bound(self, job_id: str) -> ReadBound:
        """To be taken when a read begins."""
        job = self.job(job_id)
        return ReadBound(job.durable, job.newest, job.final if job.is_final_known else None, self._losses)

    @traced("{session} sees {reading.record}, fresh: {reading.fresh}")
    def read(self, session: object, job_id: str, bound: ReadBound, reading: Reading, *, reached_table: bool) -> None:
        """A read has ended; `reached_table`: whether the table answered it."""
        record = reading.record
        least: Version | None = None
        if reading.fresh and bound.losses == self._losses:
            least = bound.newest
        elif reached_table or reading.fresh:
            least = bound.durable
        if least is not None and (record is None or not (record.is_final or record.version >= least)):
            self.violated(f"I6: {session} saw {brief(record)} after {brief_version(least)} was acknowledged")
        if bound.final is not None and (reached_table or reading.fresh) and record != bound.final:
            self.violated(f"I2: {session} saw {brief(record)} after {brief(bound.final)} was acknowledged")
        self.shown(session, job_id, record)

    def shown(self, session: object, job_id: str, record: Record | None) -> None:
        """A session sees the record."""
        before = self._shown.get((session, job_id))
        if record is None:
            if before is not None:
                self.violated(f"I5: {session} saw {brief(before)}, then nothing")
            return
        if before is not None and before is not record:
            self._check_order(session, before, record)
        self._shown[session, job_id] = record
        job = self.job(job_id)
        if record.is_final:
            self._saw_final(job, record)
        elif record.version.fence not in job.claimed:
            self.violated(f"{session} saw {brief(record)}, of an attempt that was never claimed")
        if (record.percent == 100) != (record.status is Status.COMPLETED):
            self.violated(f"{session} saw {brief(record)}")

    def _check_order(self, session: object, before: Record, record: Record) -> None:
        goes_back = record != before if before.is_final else not record.is_final and record.version < before.version
        if goes_back:
            self.violated(f"I5: {session} saw {brief(before)}, then {brief(record)}")
        if record.percent < before.percent and self._is_of_one_attempt(before, record):
            self.violated(f"I5: percent fell for {session}, from {brief(before)} to {brief(record)}")

    def _is_of_one_attempt(self, before: Record, after: Record) -> bool:
        """After a release that does not count the next attempt has the same number, so claims are compared, too."""
        is_claimed_anew = any(before.version < each <= after.version for each in self.job(after.job_id).claims)
        return before.attempt == after.attempt and not is_claimed_anew

    def _saw_final(self, job: Job, record: Record) -> None:
        if job.final is None:
            job.final = record
        elif record != job.final:
            self.violated(f"I2: two ends, {brief(job.final)} and {brief(record)}")
        if record.status is Status.COMPLETED and record.version.fence not in job.published:
            self.violated(f"{brief(record)} before its outputs were published")


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
