"""The runs of a job: what begins one, and which of two records readers take."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.support.records import NOW, a_record, completed
from worker.domain.claim import ClaimDecision, ClaimLimits, ClaimMark, JobState, NextRun, Skip, Start, Wait, decide
from worker.domain.errors import NoAudioError
from worker.domain.outcome import Cancelled, Failed, disposition_of, record_of
from worker.domain.progress import OutputRecord, Record, Status, Version, newest, next_run

LATER = datetime(2026, 11, 23, tzinfo=UTC)
LIMITS = ClaimLimits(60, max_attempts=3, max_crashes=2)


def ended(status: Status = Status.FAILED, run: int = 1) -> Record:
    record = a_record(1000, 7, attempt=3, run=run)
    if status is Status.COMPLETED:
        return completed(record, 8)
    ending = Cancelled() if status is Status.CANCELLED else Failed(NoAudioError(), 3)
    return record_of(ending, record, Version(1000, 8), NOW)


def decided(
    record: Record, rejected_run: int | None, fence: int = 9000, mark: ClaimMark | None = None
) -> ClaimDecision:
    state = JobState(record, mark, is_cancel_requested=True)
    return decide(state, fence=fence, now=NOW, limits=LIMITS, rejected_run=rejected_run)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_a_dead_letter_that_comes_back_begins_the_next_run(status: Status) -> None:
    decision = decided(ended(status), rejected_run=1)
    assert isinstance(decision, NextRun)
    assert decision.state.record == ended(status)


def test_a_completed_job_has_no_next_run() -> None:
    assert decided(ended(Status.COMPLETED), rejected_run=1) == Skip(ended(Status.COMPLETED))


def test_a_plain_duplicate_begins_nothing() -> None:
    assert decided(ended(), rejected_run=None) == Skip(ended())


def test_a_dead_letter_of_an_earlier_run_begins_nothing() -> None:
    """A copy of it has begun the run that has ended meanwhile, and the dead letter of that one is another."""
    assert decided(ended(run=2), rejected_run=1) == Skip(ended(run=2))


def test_a_dead_letter_that_was_sent_before_the_end_begins_nothing() -> None:
    assert decided(ended(), rejected_run=1, fence=1000) == Skip(ended())


def test_a_dead_letter_waits_while_its_job_runs_and_starts_a_job_that_waits() -> None:
    running = a_record(2000, 3, run=2)
    waiting = next_run(ended(), NOW)
    assert isinstance(decided(running, rejected_run=1), Wait)
    decision = decide(JobState(waiting), fence=9000, now=NOW, limits=LIMITS, rejected_run=1)
    assert decision == Start(1, Version(9000, 1))


def test_a_run_begins_with_nothing_of_the_last_but_who_the_job_is() -> None:
    last = replace(ended(), outputs=(OutputRecord("s3://out/a.mp3", 7, 1.0, "00"),), repaired=("a gap",))
    begun = next_run(last, LATER)
    assert begun == Record(
        job_id=last.job_id,
        status=Status.QUEUED,
        stage=None,
        percent=0.0,
        attempt=0,
        version=Version(1001, 1),
        created_at=last.created_at,
        updated_at=LATER,
        source=last.source,
        outputs=(OutputRecord("s3://out/a.mp3"),),
        run=2,
    )


def test_the_deaths_of_the_last_run_do_not_count_and_its_suspicion_stays() -> None:
    mark = ClaimMark("first", is_suspect=True, deaths_alone=2)
    begun = JobState(ended(), mark, is_cancel_requested=True).in_next_run(next_run(ended(), NOW))
    decision = decide(begun, fence=9000, now=NOW, limits=LIMITS)
    assert decision == Start(1, Version(9000, 1), is_suspect=True)


@pytest.mark.parametrize(
    "later",
    [
        next_run(ended(), NOW),
        a_record(9000, 1, run=2),
        ended(Status.CANCELLED, run=2),
        completed(a_record(9000, run=2), 2),
    ],
    ids=["queued", "running", "cancelled", "completed"],
)
@pytest.mark.parametrize("before", [a_record(1000, 3), ended(), ended(Status.CANCELLED)])
def test_of_two_records_readers_take_that_of_the_later_run(before: Record, later: Record) -> None:
    assert newest(before, later) == newest(later, before) == later


def test_of_two_records_of_the_same_version_the_first_is_as_good() -> None:
    record = a_record(1, 1)
    same = replace(record, percent=0.0)

    assert newest(record, same) is record


def test_a_record_is_written_in_utf_8_and_without_blanks() -> None:
    assert '"source":"s3://sources/Änne.wav"' in replace(a_record(1, 1), source="s3://sources/Änne.wav").to_json()


def test_a_rejection_says_in_which_run() -> None:
    assert disposition_of(Failed(NoAudioError(), 2, 3), "ep-1").run == 3  # type: ignore[union-attr]


def test_a_record_of_an_earlier_worker_is_of_the_first_run() -> None:
    text = a_record(1000, 1).to_json().replace(',"run":1', "")
    assert '"run"' not in text
    assert Record.from_json(text).run == 1
