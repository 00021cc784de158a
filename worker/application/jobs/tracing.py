"""The spans of an attempt at a job: receive, download, convert, upload, commit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from worker.application.jobs.attempt import Attempt
from worker.application.jobs.finisher import OnEnd
from worker.domain.outcome import Cancelled, Completed, Ending, Failed, Lost, Released, WillRetry
from worker.domain.progress import Record, Stage
from worker.events import Event, emit
from worker.ports import JobTrace, Span, Tracer

_STAGES: Mapping[Stage, str] = {
    Stage.DOWNLOADING: "download",
    Stage.CONVERTING: "convert",
    Stage.UPLOADING: "upload",
}
_OUTCOMES: Mapping[type[Ending], str] = {
    Completed: "completed",
    Failed: "failed",
    WillRetry: "retried",
    Released: "released",
    Cancelled: "cancelled",
    Lost: "lost",
}


def tracing(tracer: Tracer, then: OnEnd) -> OnEnd:
    """The `on_end` of a finisher that passes every ending on to `then`, and records the spans of an attempt.

    Where the tracer raises, the log says so. The job has ended then, and nothing about its end changes.
    """

    def on_end(ending: Ending, of: Attempt | Record | None) -> None:
        then(ending, of)
        if isinstance(of, Attempt):
            try:
                tracer.record(_trace_of(ending, of, asyncio.get_running_loop().time()))
            except Exception as exc:  # noqa: BLE001 - whatever a tracer does wrong, the job has ended as it has
                emit(Event.TRACING_FAILED, error=f"{type(exc).__name__}: {exc}", exception=exc)

    return on_end


def _trace_of(ending: Ending, attempt: Attempt, now: float) -> JobTrace:
    claim, work = attempt.claim, attempt.work
    error = ending.error if isinstance(ending, Failed | WillRetry) else None
    return JobTrace(
        Span("job", work.job_begun_at, now),
        _steps(attempt, now),
        work.trace,
        {
            "messaging.message.id": work.delivery.message_id,
            "job.id": claim.job.job_id,
            "job.attempt": claim.record.attempt,
            "job.run": claim.record.run,
            "job.outcome": _OUTCOMES[type(ending)],
        },
        None if error is None else error.code.value,
    )


def _steps(attempt: Attempt, now: float) -> Sequence[Span]:
    """The spans of an attempt's steps. One that was cut off ends when the end of the attempt began to be recorded."""
    ending_since = now if attempt.ending_since is None else attempt.ending_since
    periods = attempt.progress.periods
    stages = [
        Span(_STAGES[each.stage], each.begun_at, ending_since if each.ended_at is None else each.ended_at)
        for each in periods
    ]
    started_at = stages[0].begun_at if stages else ending_since
    return [
        Span("receive", attempt.work.job_begun_at, started_at),
        *stages,
        Span("commit", ending_since, now),
    ]
