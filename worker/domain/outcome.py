"""How attempts end, how deliveries end that start none, and what follows from that: record and disposition.

An error becomes an outcome; record and disposition are made from the outcome, and from nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from worker.domain.disk_space import WorkspaceBusyError
from worker.domain.disposition import RETRY_BACKOFF, Ack, Disposition, Forfeit, Reject, Release, Retry
from worker.domain.errors import (
    DependencyUnavailableError,
    InternalError,
    InvalidMessageError,
    JobCancelledError,
    JobError,
    LeaseLostError,
    RecordedError,
    ShutdownError,
    TransientError,
)
from worker.domain.progress import (
    FIRST_RUN,
    HIGHEST_BEFORE_THE_END,
    ErrorInfo,
    OutputRecord,
    Record,
    Status,
    Version,
)
from worker.domain.repairs import told
from worker.domain.restart import Restart

# --- how an attempt ends -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Completed:
    """Every output can be read from S3. `repaired` says what of a damaged source was replaced or left out."""

    outputs: tuple[OutputRecord, ...]
    repaired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The run failed for good, at its `attempt`-th start.

    `last_start`: the job is given up without another start, and that start ended so.
    """

    error: JobError
    attempt: int
    run: int = FIRST_RUN
    last_start: Restart | None = None


@dataclass(frozen=True, slots=True)
class WillRetry:
    """The attempt failed; another follows after `delay_seconds`.

    `is_counted` is False where a dependency caused the failure: the start is then no attempt, as after a release.
    """

    error: JobError
    delay_seconds: float
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Released:
    """The worker stops and gives the job back; the start does not count as an attempt."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job was cancelled on request."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The delivery or the claim is no longer ours: nothing is recorded."""

    reason: str


Outcome = Completed | Failed | WillRetry | Released | Cancelled | Lost

# --- how a delivery ends that starts nothing ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Skipped:
    """The job is final already, as `record` says. `is_own`: by an earlier delivery of this very message."""

    record: Record
    is_own: bool


@dataclass(frozen=True, slots=True)
class Deferred:
    """The message comes again after `delay_seconds`. `attempt` is the one that goes on meanwhile, where known."""

    delay_seconds: float
    reason: str
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class PutOff:
    """The job could not be claimed, because the job table was away; the message comes again after `delay_seconds`."""

    delay_seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class NotBegun:
    """A further job of a delivery whose message has to go back first, or is lost."""

    is_lost: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The message is no job."""

    error: InvalidMessageError


@dataclass(frozen=True, slots=True)
class Ignored:
    """The message asks for nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unpublished:
    """The job has ended, and its event could not be published: the message comes again after `delay_seconds`.

    It is then found to be final, and ends as it would have ended now.
    """

    delay_seconds: float


Unstarted = Skipped | Deferred | PutOff | NotBegun | Refused | Ignored
Ending = Outcome | Unstarted | Unpublished
RecordedOutcome = Completed | Failed | WillRetry | Released | Cancelled
RecordedEnding = RecordedOutcome | Refused

# --- what follows ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MessageAge:
    """How often the job's message was received, how long ago at first, and how long until the queue drops it."""

    receives: int = 1
    seconds: float = 0.0
    seconds_left: float = math.inf


# Starts that end because a dependency was away, or the disk was needed by others, do not count until the job's message
# is so old.
OUTAGE_SECONDS = 12 * 3600.0


def outcome_of(
    error: BaseException,
    *,
    attempt: int,
    max_attempts: int,
    random: float,
    age: MessageAge = MessageAge(),
    run: int = FIRST_RUN,
) -> Outcome:
    """The outcome of a start that ended with `error`.

    `attempt` counts real starts of the `run` from 1; `random` is in [0, 1). A job whose retry would come after the
    queue has dropped its message fails for good, while it still can be recorded. An exception that is not ours is a
    bug and is treated as `InternalError`.
    """
    match error:
        case LeaseLostError():
            return Lost(error.reason)
        case ShutdownError():
            return Released()
        case JobCancelledError():
            return Cancelled()
        case DependencyUnavailableError() | WorkspaceBusyError() if age.seconds < OUTAGE_SECONDS:
            retry = WillRetry(error, RETRY_BACKOFF.delay(age.receives, random), is_counted=False)
            return retry if retry.delay_seconds < age.seconds_left else Failed(error, attempt, run)
        case TransientError() if attempt < max_attempts:
            retry = WillRetry(error, RETRY_BACKOFF.delay(attempt, random))
            return retry if retry.delay_seconds < age.seconds_left else Failed(error, attempt, run)
        case JobError():
            return Failed(error, attempt, run)
        case _:
            bug = InternalError.caused_by(error)
            return outcome_of(bug, attempt=attempt, max_attempts=max_attempts, random=random, age=age, run=run)


def record_of(ending: RecordedEnding, record: Record, version: Version, now: datetime) -> Record:
    """The record, at `version`, of a job that ended so; `record` is the newest before.

    A job that fails, is cancelled or waits for another attempt keeps its percent, which never falls within an attempt.
    """
    changes = _changes_of(ending, record)
    return replace(record, version=version, updated_at=now, stage=None, eta_seconds=None, **changes)


def _changes_of(ending: RecordedEnding, record: Record) -> dict[str, Any]:
    match ending:
        case Completed(outputs, repaired):
            return _changes(Status.COMPLETED, percent=100.0, outputs=outputs, repaired=told(repaired))
        case Failed(error) | Refused(error):
            return _changes(Status.FAILED, error, percent=min(record.percent, HIGHEST_BEFORE_THE_END))
        case Cancelled():
            percent = min(record.percent, HIGHEST_BEFORE_THE_END)
            return _changes(Status.CANCELLED, JobCancelledError(), percent=percent)
        case WillRetry(error, is_counted=False):
            return _changes(Status.QUEUED, error, percent=0.0, attempt=record.attempt - 1)
        case WillRetry(error):
            return _changes(Status.QUEUED, error)
        case Released():
            return _changes(Status.QUEUED, percent=0.0, attempt=record.attempt - 1)


def _changes(status: Status, error: JobError | None = None, **more: Any) -> dict[str, Any]:
    return {"status": status, "error": None if error is None else ErrorInfo.of(error), **more}


def disposition_of(ending: Ending, job_id: str | None) -> Disposition:
    """What the queue does with a message whose handling ended so. `job_id` is None where the message is no job."""
    match ending:
        case Completed() | Cancelled() | Ignored():
            return Ack()
        case Failed(error, attempt, run):
            return Reject(error, job_id, attempt, run)
        case Refused(error):
            return Reject(error, error.job_id)
        case WillRetry() | Deferred() | PutOff() | Unpublished():
            return Retry(ending.delay_seconds)
        case Released() | NotBegun(is_lost=False):
            return Release()
        case Lost() | NotBegun():
            return Forfeit()
        case Skipped(record, is_own):
            return _disposition_of_final(record, is_own=is_own)


def _disposition_of_final(record: Record, *, is_own: bool) -> Disposition:
    """The disposition where the job is final: a message whose own job has failed still has to be rejected.

    Its worker died before it could do that, or the message holds other jobs, which went on.
    """
    if record.status is not Status.FAILED or not is_own:
        return Ack()
    info = record.error
    error = InternalError() if info is None else RecordedError(info.code, info.message)
    return Reject(error, record.job_id, record.attempt, record.run)
