"""The invariants of progress, checked for every record that is kept, acknowledged or shown.

The simulation checks after each step. The history test replays what real stores and readers did, in the order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.simulation.core.checker import BaseChecker, brief, brief_version, traced
from tests.simulation.core.publishing import PublishedEnds
from tests.simulation.core.runs import Runs, may_follow
from tests.support.lean_loop import LeanLoop
from worker.application.progress.reader import Reading
from worker.domain.progress import Record, Status, Version

LONGEST_CALL_SECONDS = 1.0  # of what nothing waits for


@dataclass(slots=True)
class Job:
    """What is known of one job."""

    claims: list[Version] = field(default_factory=list)  # that were kept
    claimed: set[int] = field(default_factory=set)  # their fences
    highest_claim: int = 0  # of those whose claim was acknowledged
    published: set[int] = field(default_factory=set)  # fences of attempts whose outputs can be read
    # Whose may not be, until the table confirms the claim: fences and workers, as two deliveries may have one fence.
    unconfirmed: set[tuple[int, str | None]] = field(default_factory=set)
    durable: Version | None = None  # the newest version that was acknowledged as kept in the table
    newest: Version | None = None  # the newest version that was acknowledged at all, and that Redis did not lose
    runs: Runs = field(default_factory=Runs)


@dataclass(frozen=True, slots=True)
class ReadBound:
    """What a read that begins now must at least show."""

    durable: Version | None
    newest: Version | None
    final: Record | None
    losses: int


class Checker(BaseChecker):
    """The invariants.

    I1: a store never goes back, unless Redis loses writes. A final record is changed by the next run of its job alone,
    and that of a completed job by nothing.
    I2: a run has one final record; once it is acknowledged, every read that is fresh or reached the table shows it, or
    a later run.
    I4: after a claim is acknowledged, the table takes nothing of a lower fence.
    I5: no session sees an older version than before, except of a final record, or the percentage of an attempt fall.
    I6: a read is not older than what was acknowledged before it began. A read that reached the table shows at least
    what is kept there; a fresh one what any store acknowledged, except for what Redis has lost.
    I7: every call ends within a second; one that a job waits for, within its own budget.
    I9: a run begins only where it was asked for: by the dead letter of the run before, or by a retry. It begins with
    attempt 0, and starts at attempt 1.
    I10: an end is published after it is in the table, and before its message is deleted.
    I11: of outputs whose parts are sent early, nothing can be seen until the table confirms the claim once more.
    Also: nothing is kept of an attempt that was never claimed, and `completed` comes after its outputs.
    """

    def __init__(self, loop: LeanLoop | None = None) -> None:
        super().__init__(loop)
        self._jobs: dict[str, Job] = {}
        self._losses = 0
        self.published_ends = PublishedEnds(self)
        self._shown: dict[tuple[object, str], Record] = {}

    def job(self, job_id: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None:
            job = self._jobs[job_id] = Job()
        return job

    # --- what a store keeps -----------------------------------------------------------------------------------------

    def claim_kept(self, before: Record | None, record: Record) -> None:
        """The table has taken a claim."""
        problem = self.job(record.job_id).runs.problem_with_claim(before, record)
        if problem is not None:
            self.violated(f"I9: {problem}: {brief(record)}")
        self.claim_asked(record)
        self.kept("table", before, record)

    @traced("somebody moves a dead letter back that asks for run {run} of {job_id}")
    def run_is_asked_for(self, job_id: str, run: int) -> None:
        self.job(job_id).runs.asked.add(run)

    @traced("somebody asks for a new run of {job_id}")
    def retry_begins(self, job_id: str) -> None:
        self.job(job_id).runs.retries += 1

    @traced("the request for a new run of {job_id} is over")
    def retry_ends(self, job_id: str) -> None:
        self.job(job_id).runs.retries -= 1

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
        if before is not None and not may_follow(before, record):
            self.violated(f"I1: {store} went from {brief(before)} to {brief(record)}")
        if store == "table" and fence < job.highest_claim:
            self.violated(
                f"I4: the table took {brief(record)} after the claim of {job.highest_claim} was acknowledged"
            )
        if fence not in job.claimed:
            self.violated(f"{store} took {brief(record)}, of an attempt that was never claimed")
        if record.is_final:
            self._saw_final(job, record)
            if store == "table":
                self.published_ends.kept(record)

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
            job.unconfirmed.discard((version.fence, record.worker))
            if job.durable is None or version > job.durable:
                job.durable = version
            if record.is_final:
                self._saw_final(job, record)
                job.runs.end_is_known(record)
        if (is_durable or losses_before == self._losses) and (job.newest is None or version > job.newest):
            job.newest = version

    def converted(self, claim: Record) -> None:
        """Parts of the attempt's outputs are sent, and the rest is on its worker's disk."""
        self.job(claim.job_id).unconfirmed.add((claim.version.fence, claim.worker))

    @traced("{claim.worker} has published the outputs of {claim.job_id}")
    def published(self, claim: Record) -> None:
        """All outputs of the attempt can be read."""
        job = self.job(claim.job_id)
        job.published.add(claim.version.fence)
        if (claim.version.fence, claim.worker) in job.unconfirmed:
            self.violated(
                f"I11: outputs of {claim.job_id} can be seen, and the table has not confirmed {claim.worker}'s claim"
            )

    def took(self, what: str, seconds: float, longest: float = LONGEST_CALL_SECONDS) -> None:
        if seconds > longest:
            self.violated(f"I7: {what} took {seconds:.3f} s")

    # --- what readers see -------------------------------------------------------------------------------------------

    def read_bound(self, job_id: str) -> ReadBound:
        """To be taken when a read begins."""
        job = self.job(job_id)
        return ReadBound(job.durable, job.newest, job.runs.known_end, self._losses)

    @traced("{session} sees {reading.record}, fresh: {reading.fresh}")
    def read(self, session: object, job_id: str, bound: ReadBound, reading: Reading, *, reached_table: bool) -> None:
        """A read has ended; `reached_table`: whether the table answered it."""
        record = reading.record
        least: Version | None = None
        if reading.fresh and bound.losses == self._losses:
            least = bound.newest
        elif reached_table or reading.fresh:
            least = bound.durable
        if least is not None and not self._is_as_new_as(least, record, job_id):
            self.violated(f"I6: {session} saw {brief(record)} after {brief_version(least)} was acknowledged")
        end = bound.final if reached_table or reading.fresh else None
        if end is not None and record != end and (record is None or not may_follow(end, record)):
            self.violated(f"I2: {session} saw {brief(record)} after {brief(end)} was acknowledged")
        self.shown(session, job_id, record)

    def _is_as_new_as(self, least: Version, record: Record | None, job_id: str) -> bool:
        if record is None:
            return False
        return record.version >= least or (record.is_final and record.run >= self.job(job_id).runs.of(least))

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
        if record != before and not self._may_be_shown_after(before, record):
            self.violated(f"I5: {session} saw {brief(before)}, then {brief(record)}")
        if record.percent < before.percent and self._is_of_one_attempt(before, record):
            self.violated(f"I5: percent fell for {session}, from {brief(before)} to {brief(record)}")

    @staticmethod
    def _may_be_shown_after(before: Record, record: Record) -> bool:
        """Of an end any record of the same run may have been shown before, also one with a higher version."""
        is_end_of_run = record.is_final and not before.is_final and record.run == before.run
        return is_end_of_run or record.version == before.version or may_follow(before, record)

    def _is_of_one_attempt(self, before: Record, after: Record) -> bool:
        """After a release that does not count the next attempt has the same number, so claims are compared, too."""
        is_claimed_anew = any(before.version < each <= after.version for each in self.job(after.job_id).claims)
        return before.attempt == after.attempt and not is_claimed_anew

    def _saw_final(self, job: Job, record: Record) -> None:
        problem = job.runs.problem_with_end(record)
        if problem is not None:
            self.violated(f"I2: {problem}: {brief(record)}")
        if record.status is Status.COMPLETED and record.version.fence not in job.published:
            self.violated(f"{brief(record)} before its outputs were published")
