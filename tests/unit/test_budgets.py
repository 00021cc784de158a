"""A test is run again where a busy machine may be the cause, and nowhere else."""

from __future__ import annotations

import pytest

TESTS = """
    import pytest
    from tests.support.budgets import check_budget, in_time

    made = []

    @pytest.fixture
    def attempt():
        made.append(None)
        return len(made)

    @pytest.fixture(autouse=True)
    def counts_from_one():
        yield
        if len(made) == 3:
            made.clear()

    def test_fast_at_last(attempt):
        check_budget(1 if attempt == 3 else 5, 2)

    def test_always_slow(attempt):
        with in_time():
            assert attempt > 3

    def test_wrong(attempt):
        assert attempt > 1
"""


def test_a_missed_budget_has_three_attempts_with_new_fixtures_and_a_wrong_answer_has_one(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(TESTS)

    done = pytester.runpytest_inprocess("-p", "tests.support.budgets", "-p", "no:asyncio")

    done.stdout.fnmatch_lines(["FAILED *::test_always_slow*", "FAILED *::test_wrong*"])
    done.stdout.fnmatch_lines(["*2 failed, 1 passed, 4 missed budgets in *"])


def test_a_missed_budget_is_told_in_seconds(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from tests.support.budgets import check_budget

        def test_slow():
            check_budget(2, 1.5, "the start")
    """)

    done = pytester.runpytest_inprocess("-p", "tests.support.budgets", "-p", "no:asyncio")

    done.stdout.fnmatch_lines(["*BudgetMissedError: the start took 2.000 s, and may take 1.5 s"])
