"""From an error to the outcome of a run, and from that to the record and the disposition."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.domain import errors
from worker.domain.disposition import RETRY_BACKOFF, Ack, Disposition, Forfeit, Reject, Release, Retry
from worker.domain.errors import ErrorCode, JobError, PermanentError, TransientError, WorkerError
from worker.domain.outcome import (
    OUTAGE_SECONDS,
    Cancelled,
    Completed,
    Deferred,
    Ending,
    Failed,
    Ignored,
    Lost,
    MessageAge,
    NotBegun,
    Outcome,
    PutOff,
    RecordedEnding,
    Refused,
    Released,
    Skipped,
    WillRetry,
    disposition_of,
    outcome_of,
    record_of,
)
from worker.domain.progress import ErrorInfo, OutputRecord, Record, Stage, Status, Version


def an_error(kind: type[Any]) -> WorkerError:
    """One of the kind, with arguments that fit."""
    samples: dict[str, Any] = {
        "size_bytes": 2, "limit_bytes": 1, "needed_bytes": 2, "free_bytes": 1,
        "duration_seconds": 2.0, "limit_seconds": 1.0, "attempts": 5,
    }  # fmt: skip
    required = [
        samples.get(parameter.name, "something")
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    error = kind(*required)
    assert isinstance(error, WorkerError)
    return error


def subclasses(kind: type[WorkerError]) -> list[type[WorkerError]]:
    return [each for sub in kind.__subclasses__() for each in (sub, *subclasses(sub))]


KINDS = [each for each in subclasses(WorkerError) if each.__module__.startswith("worker.domain.")]
AWAY = errors.DependencyUnavailableError("S3")
CODED = [each for each in KINDS if issubclass(each, JobError) and "code" in vars(each)]


def ended(error: BaseException, attempt: int = 1) -> Outcome:
    return outcome_of(error, attempt=attempt, max_attempts=3, random=0.5)


# --- from an error to the outcome ----------------------------------------------------------------------------------


def test_every_code_of_the_contract_belongs_to_an_error_and_is_retryable_or_not() -> None:
    codes = {(each.code, each.retryable) for each in CODED if issubclass(each, JobError)}

    assert sorted(code for code, _ in codes) == sorted(ErrorCode)


@pytest.mark.parametrize("kind", CODED, ids=lambda kind: kind.__name__)
def test_every_error_has_an_outcome_that_fits_its_kind(kind: type[WorkerError]) -> None:
    error = an_error(kind)

    outcome = ended(error)

    if isinstance(error, errors.JobCancelledError):
        assert outcome == Cancelled()
    elif isinstance(error, PermanentError):
        assert outcome == Failed(error, 1)
        assert not error.retryable
    else:
        assert isinstance(error, TransientError)
        assert isinstance(outcome, WillRetry)
        assert outcome.error is error
        assert error.retryable


@pytest.mark.parametrize("kind", CODED, ids=lambda kind: kind.__name__)
def test_every_message_is_a_plain_sentence(kind: type[WorkerError]) -> None:
    text = str(an_error(kind))

    assert text
    assert "\n" not in text
    assert "Traceback" not in text


def test_the_last_attempt_fails_with_its_own_code() -> None:
    error = errors.WorkspaceFullError()

    assert ended(error, attempt=3) == Failed(error, 3)


def test_a_lost_lease_is_lost_even_at_the_last_attempt() -> None:
    assert ended(errors.LeaseLostError("expired"), attempt=3) == Lost("expired")


def test_a_shutdown_releases_even_at_the_last_attempt() -> None:
    assert ended(errors.ShutdownError(), attempt=3) == Released()


def test_a_bug_is_retried_and_at_last_fails_as_internal_with_the_bug_as_its_cause() -> None:
    bug = ZeroDivisionError()

    assert isinstance(ended(bug), WillRetry)
    last = ended(bug, attempt=3)
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.INTERNAL
    assert last.error.__cause__ is bug


def test_retries_grow_and_are_bounded() -> None:
    outcomes = [outcome_of(errors.InternalError(), attempt=n, max_attempts=99, random=0.999) for n in range(1, 12)]
    seconds = [each.delay_seconds for each in outcomes if isinstance(each, WillRetry)]

    assert len(seconds) == 11
    assert seconds == sorted(seconds)
    assert seconds[0] <= 5
    assert seconds[-1] <= 900


def test_a_retry_that_would_come_after_the_message_is_gone_fails_the_job_now_with_its_own_code() -> None:
    error = errors.StalledError(300)

    def ended_with(seconds_left: float) -> Outcome:
        age = MessageAge(seconds_left=seconds_left)
        return outcome_of(error, attempt=1, max_attempts=3, random=0.5, age=age)

    retry = ended_with(3600)
    assert isinstance(retry, WillRetry)
    assert ended_with(retry.delay_seconds) == Failed(error, 1)
    assert ended_with(-1) == Failed(error, 1)


@pytest.mark.parametrize(
    "error", [AWAY, errors.DependencyUnavailableError("the workspace")], ids=lambda error: error.dependency
)
def test_a_start_that_ended_because_a_dependency_was_away_does_not_count_for_twelve_hours(
    error: errors.TransientError,
) -> None:
    def ended_at(seconds: float) -> Outcome:
        return outcome_of(error, attempt=3, max_attempts=3, random=0, age=MessageAge(receives=9, seconds=seconds))

    assert ended_at(OUTAGE_SECONDS - 1) == WillRetry(error, 0.75 * 900, is_counted=False)
    assert ended_at(OUTAGE_SECONDS) == Failed(error, 3)
    assert OUTAGE_SECONDS == 12 * 3600


def test_a_job_whose_message_would_be_gone_before_an_outage_ends_fails_with_its_code() -> None:
    age = MessageAge(receives=9, seconds=60, seconds_left=600)

    assert outcome_of(AWAY, attempt=1, max_attempts=3, random=0, age=age) == Failed(AWAY, 1)


def test_the_shortest_delays_of_five_attempts_outlive_five_minutes_and_those_of_ten_receives_an_hour() -> None:
    shortest = [RETRY_BACKOFF.delay(number, 0) for number in range(1, 10)]

    assert sum(shortest[:4]) > 5 * 60
    assert sum(shortest) > 3600


# --- from an ending to the record ----------------------------------------------------------------------------------

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
ASKED = (OutputRecord("s3://out/a.mp3"),)
MADE = (OutputRecord("s3://out/a.mp3", 7, 1.0, "0f"),)
NO_AUDIO, CRASHED = errors.NoAudioError(), errors.ConverterCrashedError("ended by signal 11")
RUNNING = Record(
    "ep-1", Status.RUNNING, Stage.CONVERTING, 41.5, 2, Version(1000, 7), NOW, NOW, eta_seconds=12.0, outputs=ASKED
)


@pytest.mark.parametrize(
    ("ending", "status", "percent", "attempt", "outputs", "error"),
    [
        (Completed(MADE), Status.COMPLETED, 100, 2, MADE, None),
        (Failed(NO_AUDIO, 2), Status.FAILED, 41.5, 2, ASKED, NO_AUDIO),
        (Refused(errors.InvalidMessageError("body", "is not JSON")), Status.FAILED, 41.5, 2, ASKED,
         errors.InvalidMessageError("body", "is not JSON")),
        (Cancelled(), Status.CANCELLED, 41.5, 2, ASKED, errors.JobCancelledError()),
        (WillRetry(CRASHED, 5.0), Status.QUEUED, 41.5, 2, ASKED, CRASHED),
        (WillRetry(AWAY, 5.0, is_counted=False), Status.QUEUED, 0, 1, ASKED, AWAY),
        (Released(), Status.QUEUED, 0, 1, ASKED, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, RecordedEnding) else "",
)  # fmt: skip
def test_the_record_says_how_the_job_ended(
    ending: RecordedEnding,
    status: Status,
    percent: float,
    attempt: int,
    outputs: tuple[OutputRecord, ...],
    error: JobError | None,
) -> None:
    later = NOW + timedelta(seconds=9)

    record = record_of(ending, RUNNING, Version(1000, 8), later)

    assert (record.status, record.percent, record.attempt, record.outputs) == (status, percent, attempt, outputs)
    assert (record.stage, record.eta_seconds) == (None, None)
    assert (record.version, record.updated_at, record.created_at) == (Version(1000, 8), later, NOW)
    assert record.error == (None if error is None else ErrorInfo.of(error))


@pytest.mark.parametrize("kind", CODED, ids=lambda kind: kind.__name__)
def test_a_job_that_failed_is_never_cancelled_whatever_its_error(kind: type[JobError]) -> None:
    error = an_error(kind)
    assert isinstance(error, JobError)

    assert record_of(Failed(error, 2), RUNNING, Version(1000, 8), NOW).status is Status.FAILED


# --- from an ending to the disposition -----------------------------------------------------------------------------


def final(ending: RecordedEnding) -> Record:
    return record_of(ending, RUNNING, Version(1000, 8), NOW)


@pytest.mark.parametrize(
    ("ending", "disposition"),
    [
        (Completed(MADE), Ack()),
        (Failed(NO_AUDIO, 2), Reject(NO_AUDIO, "ep-1", 2)),
        (WillRetry(CRASHED, 7.0), Retry(7.0)),
        (Released(), Release()),
        (Cancelled(), Ack()),
        (Lost("expired"), Forfeit()),
        (Skipped(final(Completed(MADE)), is_own=True), Ack()),
        (Skipped(final(Failed(NO_AUDIO, 2)), is_own=False), Ack()),
        (Skipped(final(Cancelled()), is_own=True), Ack()),
        (Deferred(40.0, "claimed by another delivery", 1), Retry(40.0)),
        (PutOff(40.0, "DynamoDB answered 500"), Retry(40.0)),
        (NotBegun(is_lost=False), Release()),
        (NotBegun(is_lost=True), Forfeit()),
        (Ignored("no records"), Ack()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_ending_has_its_disposition(ending: Ending, disposition: Disposition) -> None:
    assert disposition_of(ending, "ep-1") == disposition


def test_a_refused_message_is_rejected_under_the_id_that_could_be_read() -> None:
    error = errors.InvalidMessageError("source", "must be a string", job_id="ep-1")

    assert disposition_of(Refused(error), None) == Reject(error, "ep-1")


def test_an_own_failure_is_rejected_with_what_its_record_says() -> None:
    disposition = disposition_of(Skipped(final(Failed(NO_AUDIO, 2)), is_own=True), "ep-1")

    assert isinstance(disposition, Reject)
    assert (disposition.job_id, disposition.attempt) == ("ep-1", 2)
    assert (disposition.error.code, str(disposition.error)) == (ErrorCode.NO_AUDIO, str(NO_AUDIO))


def test_an_earlier_failure_keeps_its_code_and_one_that_is_not_known_here_becomes_internal() -> None:
    assert errors.RecordedError("no_audio", "x").code is ErrorCode.NO_AUDIO
    assert errors.RecordedError("of_a_newer_worker", "x").code is ErrorCode.INTERNAL


def test_an_option_that_the_source_cannot_fulfil_fails_the_job_at_once() -> None:
    error = errors.InvalidMessageError("outputs[0].end_seconds", "is beyond the end of the source, which has 2.300 s")

    outcome = outcome_of(error, attempt=1, max_attempts=5, random=0.5)

    assert isinstance(outcome, Failed)
    assert outcome.error is error
    assert not error.retryable
