"""A streak of failures: what is logged once, and what is counted."""

from __future__ import annotations

from worker.domain.streak import FailureStreak


def test_only_the_first_failure_of_a_streak_is_one_to_log() -> None:
    streak = FailureStreak()

    assert [streak.add(), streak.add(), streak.add()] == [True, False, False]
    assert streak.failures == 3


def test_after_a_success_the_next_failure_is_a_first_one_again() -> None:
    streak = FailureStreak()
    streak.add(10.0)
    streak.add(11.0)
    streak.end()

    assert streak.failures == 0
    assert streak.add(20.0)


def test_a_streak_began_when_its_first_failure_did() -> None:
    streak = FailureStreak()
    streak.add(10.0)
    streak.add(11.0)

    assert streak.began_at == 10.0
