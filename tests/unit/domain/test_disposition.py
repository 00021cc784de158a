"""From an error to what becomes of the delivery."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from worker.domain import errors
from worker.domain.disposition import Ack, Disposition, Forfeit, Reject, Release, Retry, combined, disposition_of
from worker.domain.errors import ErrorCode, JobError, PermanentError, TransientError, WorkerError


def an_error(kind: type[Any]) -> WorkerError:
    """One of the kind, with arguments that fit."""
    samples: dict[str, Any] = {
        "size_bytes": 2, "limit_bytes": 1, "duration_seconds": 2.0, "limit_seconds": 1.0, "attempts": 5,
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


KINDS = [each for each in subclasses(WorkerError) if each.__module__ == errors.__name__]
CODED = [each for each in KINDS if issubclass(each, JobError) and "code" in vars(each)]


def decided(error: BaseException, attempt: int = 1) -> Disposition:
    return disposition_of(error, job_id="ep-1", attempt=attempt, max_attempts=3, random=0.5)


def test_every_code_of_the_contract_belongs_to_one_error() -> None:
    codes = [each.code for each in CODED if issubclass(each, JobError)]

    assert sorted(codes) == sorted(ErrorCode)


@pytest.mark.parametrize("kind", CODED, ids=lambda kind: kind.__name__)
def test_every_error_has_a_disposition_that_fits_its_kind(kind: type[WorkerError]) -> None:
    error = an_error(kind)

    disposition = decided(error)

    if isinstance(error, errors.JobCancelledError):
        assert disposition == Ack()
    elif isinstance(error, PermanentError):
        assert disposition == Reject(error, "ep-1", 1)
        assert not error.retryable
    else:
        assert isinstance(error, TransientError)
        assert isinstance(disposition, Retry)
        assert error.retryable


@pytest.mark.parametrize("kind", CODED, ids=lambda kind: kind.__name__)
def test_every_message_is_a_plain_sentence(kind: type[WorkerError]) -> None:
    text = str(an_error(kind))

    assert text
    assert "\n" not in text
    assert "Traceback" not in text


def test_the_last_attempt_is_rejected_with_its_own_code() -> None:
    error = errors.WorkspaceFullError()

    assert decided(error, attempt=3) == Reject(error, "ep-1", 3)


def test_a_lost_lease_is_forfeited_even_at_the_last_attempt() -> None:
    assert decided(errors.LeaseLostError("expired"), attempt=3) == Forfeit()


def test_a_shutdown_releases_even_at_the_last_attempt() -> None:
    assert decided(errors.ShutdownError(), attempt=3) == Release()


def test_a_bug_is_retried_and_at_last_rejected_as_internal() -> None:
    assert isinstance(decided(ZeroDivisionError()), Retry)
    last = decided(ZeroDivisionError(), attempt=3)
    assert isinstance(last, Reject)
    assert last.error.code is ErrorCode.INTERNAL


def test_retries_grow_and_are_bounded() -> None:
    delays = [
        disposition_of(errors.InternalError(), job_id=None, attempt=n, max_attempts=99, random=0.999)
        for n in range(1, 12)
    ]
    seconds = [each.delay_seconds for each in delays if isinstance(each, Retry)]

    assert seconds == sorted(seconds)
    assert seconds[0] <= 5
    assert seconds[-1] <= 900


def test_a_retry_that_would_come_after_the_message_is_gone_fails_the_job_now_with_its_own_code() -> None:
    error = errors.StalledError(300)

    def decided_with(seconds_left: float) -> Disposition:
        return disposition_of(error, job_id="ep-1", attempt=1, max_attempts=3, random=0.5, seconds_left=seconds_left)

    retry = decided_with(3600)
    assert isinstance(retry, Retry)
    assert decided_with(retry.delay_seconds) == Reject(error, "ep-1", 1)
    assert decided_with(-1) == Reject(error, "ep-1", 1)


REJECT = Reject(errors.NoAudioError(), "ep-1", 1)
LATER_REJECT = Reject(errors.SourceNotFoundError("s3://in-bucket/a"), "ep-2", 1)


@pytest.mark.parametrize(
    ("ends", "end"),
    [
        ([], Ack()),
        ([Ack(), Ack()], Ack()),
        ([Ack(), REJECT, Ack(), LATER_REJECT], REJECT),
        ([REJECT, Retry(5), Ack(), Retry(40), Retry(20)], Retry(40)),
        ([REJECT, Retry(5), Release()], Release()),
        ([REJECT, Retry(5), Release(), Forfeit()], Forfeit()),
    ],
)
def test_a_delivery_of_several_jobs_ends_so_that_none_is_lost(ends: list[Disposition], end: Disposition) -> None:
    assert combined(ends) == end


@pytest.mark.parametrize("end", [Ack(), Retry(7), REJECT, Release(), Forfeit()])
def test_a_delivery_of_one_job_ends_as_the_job_does(end: Disposition) -> None:
    assert combined([end]) == end


def test_an_earlier_failure_keeps_its_code_and_one_that_is_not_known_here_becomes_internal() -> None:
    assert errors.RecordedError("no_audio", "x").code is ErrorCode.NO_AUDIO
    assert errors.RecordedError("of_a_newer_worker", "x").code is ErrorCode.INTERNAL
