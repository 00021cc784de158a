"""The log line and the metrics of each way in which a job or a delivery ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from worker import metrics
from worker.application.progress.job_progress import JobProgress
from worker.domain.errors import InternalError, JobError
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
    Untold,
    WillRetry,
)
from worker.domain.progress import Record, Stage
from worker.events import Event, emit


@dataclass(frozen=True, slots=True)
class Facts:
    """How far a job was when it ended. `measured` is empty where it did not run."""

    stage: Stage | None = None
    percent: float = 0.0
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_attempt(cls, progress: JobProgress) -> Facts:
        reached = progress.snapshot()
        return cls(reached.stage, reached.percent, progress.measured())

    @classmethod
    def of_record(cls, record: Record) -> Facts:
        return cls(record.stage, record.percent)


def announce(ending: Ending, facts: Facts) -> None:
    """Write the log line of the ending and count it. Settlement does that for a refused message."""
    match ending:
        case Completed(repaired=repaired):
            emit(Event.JOB_COMPLETED, repaired=list(repaired), **facts.measured)
            metrics.count_attempt("completed")
            _observe(facts.measured)
        case Failed(error):
            emit(Event.JOB_FAILED, **_failure(error, facts))
            metrics.count_attempt("failed", error.code.value)
        case WillRetry(error, delay_seconds):
            emit(Event.JOB_RETRIED, delay_seconds=round(delay_seconds, 1), **_failure(error, facts))
            metrics.count_attempt("retried", error.code.value)
        case Released():
            emit(Event.JOB_RELEASED, **_position(facts))
            metrics.count_attempt("released")
        case Cancelled():
            emit(Event.JOB_CANCELLED, **_position(facts))
            metrics.count_attempt("cancelled", "cancelled")
        case Lost(reason):
            emit(Event.LEASE_LOST, reason=reason)
            metrics.count_attempt("lost")
        case Skipped(record):
            emit(Event.JOB_DUPLICATE_SKIPPED, status=record.status.value, attempt=record.attempt)
            metrics.count_attempt("skipped")
        case Deferred() | PutOff():
            attempt = ending.attempt if isinstance(ending, Deferred) else None
            delay_seconds = round(ending.delay_seconds, 1)
            emit(Event.JOB_DEFERRED, delay_seconds=delay_seconds, reason=ending.reason, attempt=attempt)
            metrics.count_attempt("deferred")
        case NotBegun():
            emit(Event.JOB_DEFERRED, delay_seconds=0.0, reason="its message has to go back first", attempt=None)
        case Ignored(reason):
            emit(Event.MESSAGE_IGNORED, reason=reason)
        case Refused() | Untold():
            pass
        case _:
            assert_never(ending)


def _observe(measured: Mapping[str, Any]) -> None:
    for stage, seconds in {**measured["stage_seconds"], "total": measured["duration_seconds"]}.items():
        metrics.JOB_DURATION.labels(stage=stage).observe(seconds)
    metrics.SOURCE_BYTES.inc(measured["source_bytes"])
    metrics.OUTPUT_BYTES.inc(measured["output_bytes"])
    metrics.AUDIO_SECONDS.inc(measured["audio_seconds"] or 0)


def _position(facts: Facts) -> dict[str, Any]:
    return {"stage": None if facts.stage is None else facts.stage.value, "percent": facts.percent}


def _failure(error: JobError, facts: Facts) -> dict[str, Any]:
    fields = {
        "error_code": error.code.value,
        "error": str(error),
        "stage": None if facts.stage is None else facts.stage.value,
        "retryable": error.retryable,
        **facts.measured,
    }
    if isinstance(error, InternalError) and error.__cause__ is not None:
        fields["exception"] = error.__cause__  # a bug: the log gets the traceback, the record does not
    return fields
