"""Whose job it is: the rule by which a delivery may start it, must wait, or has nothing left to do.

A claim is a `running` record in DynamoDB. Its holder renews it with every checkpoint (`updated_at`); one that was
not renewed for the length of a lease is stale and may be taken over with a higher fence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.domain.progress import Record, Status, Version

# Of one job, in a row. A file that a converter bug turns into a memory bomb would go through a whole fleet otherwise.
MAX_CRASHES = 3
MOST_SEQS = 1_000_000  # of one attempt: five ticks a second for the 12 hours of a delivery are fewer


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's durable record, and what is kept beside it.

    `crashes` counts the claims, the present one included, since an attempt last said how it ended: once a claim is
    stale, that is how many workers in a row have died with the job, or lost it.
    """

    record: Record
    crashes: int = 0
    is_cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Claim it: this is the `attempt`-th real start, at `version`."""

    attempt: int
    version: Version


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

    `crashes`: how many of those, at the end, were cut off without a word; 0 where that is not the reason.
    """

    attempts: int
    version: Version
    crashes: int = 0


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody asked for it, and it did not happen yet; `version` is that of the record that says so."""

    record: Record
    version: Version


ClaimDecision = Start | Skip | Wait | Exhausted | Cancel


def decide(
    current: Record | None,
    *,
    fence: int,
    now: datetime,
    lease_seconds: float,
    max_attempts: int,
    crashes: int = 0,
    is_cancel_requested: bool = False,
) -> ClaimDecision:
    """What a delivery with `fence` may do with a job whose durable record is `current`.

    `crashes` and `is_cancel_requested` are those of its state.
    """
    if current is None:
        return Start(1, Version(fence, 1))
    if current.is_final:
        return Skip(current)
    if current.version.fence > fence:
        # A newer message asks for the same job: it settles the job, and then this one is skipped.
        return Wait(lease_seconds)
    if current.status is Status.RUNNING:
        remaining = lease_seconds - (now - current.updated_at).total_seconds()
        if remaining > 0:
            return Wait(min(remaining, lease_seconds))
    # Receive counts are approximate (AWS), and two messages may be of one millisecond: on a tie of fences seq decides.
    # Redis may have later ticks of the other attempt than its last checkpoint, so this one begins beyond all of them.
    seq = current.version.seq + MOST_SEQS if current.version.fence == fence else 1
    version = Version(fence, seq)
    if is_cancel_requested:
        return Cancel(current, version)
    if current.status is Status.RUNNING and crashes >= MAX_CRASHES:
        return Exhausted(current.attempt, version, crashes)
    if current.attempt >= max_attempts:
        return Exhausted(current.attempt, version)
    return Start(current.attempt + 1, version)
