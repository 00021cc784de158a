"""Which delivery may start a job."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from worker.domain.claim import (
    MOST_SEQS,
    Cancel,
    ClaimDecision,
    ClaimLimits,
    ClaimMark,
    Exhausted,
    JobState,
    NextRun,
    Skip,
    Start,
    Wait,
    decide,
)
from worker.domain.errors import InternalError
from worker.domain.outcome import Cancelled, Completed, Failed, record_of
from worker.domain.progress import Record, Stage, Status, Version, first_record

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
LEASE = 60.0


def decided(
    current: Record | None,
    fence: int = 2000,
    *,
    after: float = 0.0,
    max_attempts: int = 3,
    mark: ClaimMark | None = None,
    is_cancel_requested: bool = False,
    unchanged: float = 0.0,
) -> ClaimDecision:
    return decide(
        None if current is None else JobState(current, mark, is_cancel_requested),
        fence=fence,
        now=NOW + timedelta(seconds=after),
        limits=ClaimLimits(LEASE, max_attempts, max_crashes=2),
        unchanged_seconds=unchanged,
    )


def queued(attempt: int = 0, fence: int = 0, seq: int = 0) -> Record:
    record = first_record("ep-1", "s3://in/a.wav", ("s3://out/a.mp3",), NOW)
    return replace(record, attempt=attempt, version=Version(fence, seq))


def running(attempt: int = 1, fence: int = 1000, seq: int = 5) -> Record:
    return replace(queued(attempt, fence, seq), status=Status.RUNNING, stage=Stage.CONVERTING, percent=40.0)


def test_a_job_without_a_record_is_started() -> None:
    assert decided(None) == Start(1, Version(2000, 1))


def test_a_submitted_job_is_started_for_the_first_time() -> None:
    assert decided(queued()) == Start(1, Version(2000, 1))


def test_a_retried_job_is_started_with_the_next_attempt() -> None:
    assert decided(queued(attempt=1, fence=1000, seq=9)) == Start(2, Version(2000, 1))


def test_a_released_job_starts_at_once_and_with_the_same_attempt() -> None:
    released = queued(attempt=0, fence=1999, seq=3)

    assert decided(released) == Start(1, Version(2000, 1))


@pytest.mark.parametrize("ending", [Completed(()), Failed(InternalError(), 1), Cancelled()])
def test_a_final_job_is_skipped_whatever_the_fence(ending: Completed | Failed | Cancelled) -> None:
    final = record_of(ending, running(), Version(1000, 6), NOW)

    assert decided(final) == Skip(final)
    assert decided(final, fence=1) == Skip(final)


def test_a_live_claim_is_waited_for_until_it_would_be_stale() -> None:
    assert decided(running(), after=20) == Wait(40)


def test_a_stale_claim_is_taken_over_with_the_higher_fence() -> None:
    assert decided(running(), after=LEASE) == Start(2, Version(2000, 1), is_suspect=True)


def test_a_clock_that_is_behind_waits_no_longer_than_a_lease() -> None:
    assert decided(running(), after=-3600) == Wait(LEASE)


def test_a_claim_that_is_dated_in_the_future_is_stale_when_it_has_not_changed_for_a_lease() -> None:
    assert decided(running(), after=-3600, unchanged=20) == Wait(40)
    assert decided(running(), after=-3600, unchanged=LEASE) == Start(2, Version(2000, 1), is_suspect=True)


def test_a_claim_is_as_old_as_its_date_says_where_it_was_first_seen_later_than_that() -> None:
    assert decided(running(), after=LEASE, unchanged=1) == Start(2, Version(2000, 1), is_suspect=True)


def test_an_older_message_waits_for_the_newer_one() -> None:
    assert decided(running(fence=3000), after=2 * LEASE) == Wait(LEASE)
    assert decided(queued(attempt=1, fence=3000, seq=4)) == Wait(LEASE)


def test_on_a_tie_of_fences_seq_begins_beyond_all_that_the_other_attempt_can_have_written() -> None:
    assert decided(running(fence=2000, seq=7), after=LEASE) == Start(2, Version(2000, 7 + MOST_SEQS), is_suspect=True)


def test_a_job_that_was_started_often_enough_is_given_up() -> None:
    assert decided(queued(attempt=3, fence=1000)) == Exhausted(3, Version(2000, 1))
    assert decided(running(attempt=3), after=LEASE) == Exhausted(3, Version(2000, 1), crashes=0)


def test_a_job_that_was_running_when_its_worker_died_is_suspect_and_nothing_is_counted_against_it() -> None:
    beside_others = ClaimMark("t")

    assert decided(running(), after=LEASE, mark=beside_others) == Start(2, Version(2000, 1), is_suspect=True)


def test_only_deaths_while_a_job_ran_alone_count_against_it() -> None:
    alone = ClaimMark("t", is_suspect=True)

    assert decided(running(attempt=2), after=LEASE, mark=alone) == Start(3, Version(2000, 1), True, deaths_alone=1)


def test_a_job_over_which_alone_enough_workers_died_is_given_up_however_many_attempts_it_may_have() -> None:
    alone = ClaimMark("t", is_suspect=True, deaths_alone=1)

    decision = decided(running(attempt=6), after=LEASE, max_attempts=10, mark=alone)

    assert decision == Exhausted(6, Version(2000, 1), crashes=2)


def test_a_claim_that_is_live_is_no_death_yet() -> None:
    alone = ClaimMark("t", is_suspect=True, deaths_alone=1)

    assert decided(running(attempt=3), after=20, max_attempts=10, mark=alone) == Wait(40)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_suspect_that_says_how_it_ended_stays_suspect_and_no_death_is_counted(attempt: int) -> None:
    alone = ClaimMark("t", is_suspect=True, deaths_alone=1)

    decision = decided(queued(attempt, fence=1000), mark=alone)

    assert decision == Start(attempt + 1, Version(2000, 1), is_suspect=True, deaths_alone=1)


def test_a_request_to_cancel_is_met_before_anything_starts() -> None:
    retried = queued(attempt=1, fence=1000, seq=9)
    stale = running(attempt=3)

    assert decided(retried, is_cancel_requested=True) == Cancel(retried, Version(2000, 1))
    alone = ClaimMark("t", is_suspect=True, deaths_alone=1)
    assert decided(stale, after=LEASE, mark=alone, is_cancel_requested=True) == Cancel(stale, Version(2000, 1))


def test_a_request_to_cancel_is_left_to_the_worker_that_runs_the_job() -> None:
    assert decided(running(), after=20, is_cancel_requested=True) == Wait(40)


def test_only_a_running_job_with_the_mark_of_a_token_is_claimed_by_it() -> None:
    assert JobState(running(), ClaimMark("t")).is_claimed_by("t")
    assert not JobState(running(), ClaimMark("t")).is_claimed_by("another")
    assert not JobState(running(), ClaimMark("t")).is_claimed_by(None)
    assert not JobState(running(), None).is_claimed_by(None)
    assert not JobState(queued(), ClaimMark("t")).is_claimed_by("t")


def test_an_attempt_has_more_seqs_than_the_ticks_of_the_longest_delivery() -> None:
    assert MOST_SEQS > 12 * 3600 * 5


def resent(final: Record, fence: int, rejected_run: int | None) -> ClaimDecision:
    limits = ClaimLimits(LEASE, max_attempts=3, max_crashes=2)
    return decide(JobState(final), fence=fence, now=NOW, limits=limits, rejected_run=rejected_run)


@pytest.mark.parametrize("ending", [Failed(InternalError(), 1), Cancelled()])
def test_a_dead_letter_that_comes_back_begins_the_next_run_of_the_run_it_was_rejected_in(
    ending: Failed | Cancelled,
) -> None:
    final = replace(record_of(ending, running(), Version(1000, 6), NOW), run=2)

    for rejected_run in (2, 3):
        assert resent(final, 1001, rejected_run) == NextRun(JobState(final))
    assert resent(final, 1001, 1) == Skip(final)  # another letter has begun a run since
    assert resent(final, 1001, None) == Skip(final)
    assert resent(final, 1000, 2) == Skip(final)  # the very delivery that ended it


def test_a_dead_letter_of_a_job_that_is_completed_is_skipped() -> None:
    final = record_of(Completed(()), running(), Version(1000, 6), NOW)

    assert resent(final, 1001, final.run) == Skip(final)


def test_the_next_run_forgets_deaths_and_requests_to_cancel_and_keeps_the_suspicion() -> None:
    state = JobState(running(), ClaimMark("t", is_suspect=True, deaths_alone=2), is_cancel_requested=True)

    assert state.in_next_run(queued()) == JobState(queued(), ClaimMark("t", is_suspect=True, deaths_alone=0))
    assert JobState(running()).in_next_run(queued()) == JobState(queued(), None)
    assert not JobState(running()).is_cancel_requested


def test_a_claim_that_would_be_stale_in_half_a_second_is_waited_for() -> None:
    assert decided(running(), after=LEASE - 0.5) == Wait(0.5)


def test_a_claim_that_was_not_seen_before_is_as_old_as_its_date_says() -> None:
    limits = ClaimLimits(LEASE, 3, max_crashes=2)

    assert decide(JobState(running()), fence=2000, now=NOW, limits=limits) == Wait(LEASE)


@pytest.mark.parametrize("percent", [-0.5, 100.5])
def test_a_record_has_no_percent_beyond_its_range(percent: float) -> None:
    with pytest.raises(ValueError, match="percent is"):
        replace(running(), percent=percent)


def test_a_job_that_is_queued_has_done_nothing() -> None:
    assert queued().percent == 0.0
