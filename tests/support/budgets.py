"""Budgets of time, which a busy machine may miss once: a fault misses them in every attempt.

This is a plugin of pytest. A test whose only failures are missed budgets is run again, with new fixtures, up to three
times in all. Each attempt that was given up is counted in the summary.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

ATTEMPTS = 3
_MISSED = "missed budget"


class BudgetMissedError(AssertionError):
    """Something took longer than it may, of which a busy machine can be the cause."""


def check_budget(seconds: float, budget_seconds: float, what: str = "it") -> None:
    """Raise BudgetMissedError unless `seconds` is less than the budget."""
    if not seconds < budget_seconds:
        raise BudgetMissedError(f"{what} took {seconds:.3f} s, and may take {budget_seconds} s")


@contextmanager
def in_time() -> Iterator[None]:
    """Make a failed assertion inside the `with` a missed budget: only a busy machine or a fault makes it fail."""
    try:
        yield
    except AssertionError as exc:
        raise BudgetMissedError(str(exc)) from exc


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    report.is_missed_budget = call.excinfo is not None and call.excinfo.errisinstance(BudgetMissedError)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports: Sequence[Any] = runtestprotocol(item, nextitem=nextitem, log=False)
    for _ in range(ATTEMPTS - 1):
        failed = [report for report in reports if report.failed]
        if not failed or not all(report.is_missed_budget for report in failed):
            break
        for report in failed:
            report.outcome = _MISSED
            item.ihook.pytest_runtest_logreport(report=report)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    return (f"{_MISSED}s", "B", _MISSED.upper()) if report.outcome == _MISSED else None
