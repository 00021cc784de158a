"""Whose job it is: the rule by which a delivery may start it, must wait, or has nothing left to do.

A claim is a `running` record in DynamoDB. Its holder renews it with every checkpoint (`updated_at`); one that was
not renewed for the length of a lease is stale and may be taken over with a higher fence. A worker whose clock is wrong
may see a stale claim dated in the future, so a claim that is seen unchanged for the length of a lease is stale, too.

A start whose end is not recorded means that its worker died. A job that was running then is suspect: from then on it
runs alone, so that only the deaths that it causes count against it.

The end of a job is the end of a run. A dead letter that comes back begins the next run of a job that failed or was
cancelled, if it is of that run or a later one: so each dead letter begins one run, however often it is delivered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from worker.domain.progress import Record, Status, Version

MOST_SEQS = 1_000_000  # of one attempt: five ticks a second for the 12 hours of a delivery are fewer


@dataclass(frozen=True, slots=True)
class ClaimMark:
    """What a claim leaves beside the record, where it stays until the next claim.

    The `token` belongs to this claim only, and is the same however often it is written: a worker whose claim was not
    answered knows its claim by it. `is_suspect`: a worker died while the job ran, so the job runs alone.
    `deaths_alone` counts the workers that died while it ran alone.
    """

    token: str
    is_suspect: bool = False
    deaths_alone: int = 0


@dataclass(frozen=True, slots=True)
class JobMessage:
    """What asks for the job on the queue. `group_id` is its message group, if it has one."""

    body: str
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's durable record, and what is kept beside it. `mark` is None before the first claim.

    `message` is kept from the submission or the first claim on, where it can be kept.
    """

    record: Record
    mark: ClaimMark | None = None
    is_cancel_requested: bool = False
    message: JobMessage | None = None

    def is_claimed_by(self, token: str | None) -> bool:
        """Whether the claim of that token holds the job."""
        return self.record.status is Status.RUNNING and self.mark is not None and self.mark.token == token

    def in_next_run(self, record: Record) -> JobState:
        """The state once `record` has begun the next run.

        Deaths of workers and requests to cancel were about the last run. A job that is suspect stays so: there may be
        others to protect from it.
        """
        mark = None if self.mark is None else replace(self.mark, deaths_alone=0)
        return JobState(record, mark, message=self.message)


@dataclass(frozen=True, slots=True)
class ClaimLimits:
    """How long a claim lasts that is not renewed, and how often a job may start and may crash its worker."""

    lease_seconds: float
    max_attempts: int
    max_crashes: int


@dataclass(frozen=True, slots=True)
class Start:
    """Claim it: this is the `attempt`-th real start, at `version`. A suspect starts alone."""

    attempt: int
    version: Version
    is_suspect: bool = False
    deaths_alone: int = 0


@dataclass(frozen=True, slots=True)
class NextRun:
    """The job has ended, as `state` says, and its dead letter asks for it again: begin the next run, then start it."""

    state: JobState


@dataclass(frozen=True, slots=True)
class Skip:
    """The job is final already."""

    record: Record


@dataclass(frozen=True, slots=True)
class Wait:
    """Another delivery has the job, or came after this one: try again in `delay_seconds`."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Started `attempts` times and never came to an end; `version` is that of the record that says so.

    `crashes`: how many workers died while the job ran alone; 0 where that is not the reason.
    """

    attempts: int
    version: Version
    crashes: int = 0


@dataclass(frozen=True, slots=True)
class Cancel:
    """A request to cancel was left, and the job has not ended yet; `version` is that of the record that says so.

    `record` is the newest of the job, with the number of its real starts.
    """

    record: Record
    version: Version


ClaimDecision = Start | NextRun | Skip | Wait | Exhausted | Cancel


def decide(
    state: JobState | None,
    *,
    fence: int,
    now: datetime,
    limits: ClaimLimits,
    rejected_run: int | None = None,
    unchanged_seconds: float = 0.0,
) -> ClaimDecision:
    """What a delivery with `fence` may do with a job in that state; None: nothing is known of it.

    `unchanged_seconds`: for how long the worker has seen the job in that state, by a clock that does not jump.
    `rejected_run`: the message is a dead letter that has come back, and was rejected in that run.
    """
    if state is None:
        return Start(1, Version(fence, 1))
    current = state.record
    if current.is_final:
        return NextRun(state) if _is_asked_for_again(current, fence, rejected_run) else Skip(current)
    if current.version.fence > fence:
        # A newer message asks for the same job: it settles the job, and then this one is skipped.
        return Wait(limits.lease_seconds)
    is_running = current.status is Status.RUNNING
    if is_running:
        age = max((now - current.updated_at).total_seconds(), unchanged_seconds)
        remaining = limits.lease_seconds - age
        if remaining > 0:
            return Wait(min(remaining, limits.lease_seconds))
    # Receive counts are approximate (AWS), and two messages may be of one millisecond: on a tie of fences seq decides.
    # Redis may have later ticks of the other attempt than its last checkpoint, so this one begins beyond all of them.
    seq = current.version.seq + MOST_SEQS if current.version.fence == fence else 1
    version = Version(fence, seq)
    if state.is_cancel_requested:
        return Cancel(current, version)
    is_suspect, deaths_alone = _suspicion(state.mark, has_died=is_running)
    if deaths_alone >= limits.max_crashes:
        return Exhausted(current.attempt, version, deaths_alone)
    if current.attempt >= limits.max_attempts:
        return Exhausted(current.attempt, version)
    return Start(current.attempt + 1, version, is_suspect, deaths_alone)


def _is_asked_for_again(final: Record, fence: int, rejected_run: int | None) -> bool:
    """Whether a dead letter of the run that ended so, or of a later one, has come back."""
    if rejected_run is None or final.status is Status.COMPLETED:
        return False
    return final.run <= rejected_run and final.version.fence < fence


def _suspicion(mark: ClaimMark | None, *, has_died: bool) -> tuple[bool, int]:
    """Whether the job is suspect, and how many workers have died while it ran alone."""
    if mark is None:
        return has_died, 0
    return mark.is_suspect or has_died, mark.deaths_alone + (has_died and mark.is_suspect)
