"""The log line and the metrics of each start of a job, and of each way in which a job or a delivery ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from worker import metrics, usage
from worker.application.jobs.attempt import Attempt, Claim
from worker.domain.errors import InternalError, JobError
from worker.domain.job import Job
from worker.domain.outcome import (
    Cancelled,
    Completed,
    Deferred,
    Ending,
    Failed,
    Ignored,
    Lost,
    NotBegun,
    PutOff,
    Refused,
    Released,
    Skipped,
    Unpublished,
    WillRetry,
)
from worker.domain.progress import Record, Stage
from worker.domain.restart import Restart, RestartReason, restart_after
from worker.events import Event, emit

_NO_RESTART = {"restart_reason": None, "last_worker": None, "last_error_code": None}


@dataclass(frozen=True, slots=True)
class Facts:
    """How far a job was when it ended. `measured` is empty where it did not run."""

    stage: Stage | None = None
    percent: float = 0.0
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_attempt(cls, attempt: Attempt) -> Facts:
        reached = attempt.progress.snapshot()
        measured = {
            "formats": _formats(attempt.claim.job),
            "queued_seconds": round(attempt.claim.queued_seconds, 3),
            **attempt.progress.measured(),
            **usage.log_fields(),
        }
        return cls(reached.stage, reached.percent, measured)

    @classmethod
    def of_record(cls, record: Record) -> Facts:
        return cls(record.stage, record.percent)

    @property
    def position(self) -> Mapping[str, Any]:
        return {"stage": None if self.stage is None else self.stage.value, "percent": self.percent}


def announcing(
    then: Callable[[Ending, Job | None], None] = lambda _ending, _job: None,
) -> Callable[[Ending, Attempt | Record | None], None]:
    """The `on_end` of a finisher that announces every ending, and passes it on to `then` with the job that has run."""

    def on_end(ending: Ending, of: Attempt | Record | None) -> None:
        match of:
            case Attempt():
                announce(ending, Facts.of_attempt(of))
                then(ending, of.claim.job)
            case Record():
                announce(ending, Facts.of_record(of))
                then(ending, None)
            case None:
                announce(ending, Facts())
                then(ending, None)

    return on_end


def announce_start(claim: Claim) -> None:
    """Write the log line of a start, and observe the time that the job waited for the first start of its run.

    The line of a later start says how the one before ended. If that was its worker's death, the death is counted.
    """
    record, restart = claim.record, restart_after(claim.before)
    if restart is None:  # the wait before a later start is the delay of a retry
        metrics.observe_waiting(claim.queued_seconds)
    _count_death(restart)
    emit(
        Event.JOB_STARTED,
        source=record.source,
        outputs=[output.target for output in record.outputs],
        formats=_formats(claim.job),
        queued_seconds=round(claim.queued_seconds, 3),
        run=record.run,
        **(_NO_RESTART if restart is None else _of_last_start(restart)),
    )


def announce(ending: Ending, facts: Facts) -> None:
    """Write the log line of the ending and count it. Settlement does that for a refused message."""
    match ending:
        case Completed(repaired=repaired):
            _end(Event.JOB_COMPLETED, "completed", repaired=list(repaired), **facts.measured)
            _observe(facts.measured)
        case Failed(error, last_start=last_start):
            last = {} if last_start is None else _of_last_start(last_start)
            _count_death(last_start)
            _end(Event.JOB_FAILED, "failed", error.code.value, **_failure(error, facts), **last)
        case WillRetry(error, delay_seconds):
            fields = {"delay_seconds": round(delay_seconds, 1), **_failure(error, facts)}
            _end(Event.JOB_RETRIED, "retried", error.code.value, **fields)
        case Released():
            _end(Event.JOB_RELEASED, "released", **facts.position, **facts.measured)
        case Cancelled():
            _end(Event.JOB_CANCELLED, "cancelled", "cancelled", **facts.position, **facts.measured)
        case Lost(reason):
            _end(Event.LEASE_LOST, "lost", error=reason, **facts.position, **facts.measured)
        case Skipped(record):
            _end(Event.JOB_DUPLICATE_SKIPPED, "skipped", status=record.status.value, attempt=record.attempt)
        case Deferred() | PutOff() | NotBegun():
            _end(Event.JOB_DEFERRED, "deferred", **_deferral(ending))
        case Ignored(reason):
            emit(Event.MESSAGE_IGNORED, reason=reason)
        case Refused() | Unpublished():
            pass
        case _:
            assert_never(ending)


def _end(event: Event, outcome: str, code: str = "", **fields: Any) -> None:
    """Count an ending, and write the one line that has its `outcome`: so lines with an `outcome` can be counted."""
    emit(event, outcome=outcome, **fields)
    metrics.count_ending(outcome, code)


def _count_death(restart: Restart | None) -> None:
    """Count the death of the worker that had the job before, if that is how its last start ended."""
    if restart is not None and restart.reason is RestartReason.WORKER_DIED:
        metrics.WORKER_DEATHS.inc()


def _of_last_start(restart: Restart) -> dict[str, str | None]:
    """How the last start of the job ended, in whose hands, and by which error."""
    return {
        "restart_reason": restart.reason.value,
        "last_worker": restart.last_worker,
        "last_error_code": restart.error_code,
    }


def _formats(job: Job) -> list[str]:
    """The formats of a job's outputs, each once and sorted, so that jobs can be grouped by them."""
    return sorted({output.format.value for output in job.outputs})


def _observe(measured: Mapping[str, Any]) -> None:
    for stage, seconds in {**measured["stage_seconds"], "total": measured["duration_seconds"]}.items():
        metrics.JOB_DURATION.labels(stage=stage).observe(seconds)
    metrics.observe_conversion(measured["formats"], measured["stage_seconds"]["converting"])
    metrics.SOURCE_BYTES.inc(measured["source_bytes"])
    metrics.OUTPUT_BYTES.inc(measured["output_bytes"])
    metrics.AUDIO_SECONDS.inc(measured["audio_seconds"] or 0)


def _deferral(ending: Deferred | PutOff | NotBegun) -> dict[str, Any]:
    """The fields of `job.deferred`. `attempt` is the one that goes on meanwhile, where that is known."""
    match ending:
        case Deferred(delay_seconds, reason, attempt):
            return {"delay_seconds": round(delay_seconds, 1), "reason": reason, "attempt": attempt}
        case PutOff(delay_seconds, error):
            metrics.CLAIM_FAILURES.inc()
            reason = "the job table is away"
            return {"delay_seconds": round(delay_seconds, 1), "reason": reason, "error": error, "attempt": None}
        case NotBegun():
            return {"delay_seconds": 0.0, "reason": "its message has to go back first", "attempt": None}


def _failure(error: JobError, facts: Facts) -> dict[str, Any]:
    fields = {
        "error_code": error.code.value,
        "error": str(error),
        "stage": facts.position["stage"],
        "retryable": error.retryable,
        **facts.measured,
    }
    if isinstance(error, InternalError) and error.__cause__ is not None:
        fields["exception"] = error.__cause__  # a bug: the log gets the traceback, the record does not
    return fields
