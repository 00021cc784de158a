"""Tries each dependency as the worker would, within a time limit, and says what to do about what is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from worker.application.operations.diagnosis import State, Verdict
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.events import Event, emit
from worker.ports import NotAllowedError

CHECK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tried: the variable (or argument) that names it, its value, and the endpoint that is asked."""

    variable: str
    value: str | None  # None: the variable is not set
    endpoint: str | None = None

    def __str__(self) -> str:
        value = "is not set" if self.value is None else self.value
        return f"{self.variable} {value}" + (f" at {self.endpoint}" if self.endpoint else "")


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency to try.

    `advice` says what to do when it does not answer. Without a dependency that is not `is_essential` the worker runs.
    """

    name: str
    subject: Subject
    run: Callable[[], Awaitable[Verdict]]
    advice: str
    is_essential: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: the verdict, the time it took, and whether the dependency itself has answered."""

    name: str
    subject: Subject
    verdict: Verdict
    duration_seconds: float
    has_answered: bool = True


async def diagnose(checks: Sequence[Check], *, timeout_seconds: float = CHECK_SECONDS) -> Sequence[Finding]:
    """Run all checks at once, each within the timeout. Returns one finding for each, in their order."""
    return await asyncio.gather(*(_find(check, timeout_seconds) for check in checks))


async def report_failures(checks: Sequence[Check]) -> None:
    """Run the checks once and log what is set up wrongly, so that no job can be done. Then wait for ever.

    A dependency that does not answer is not logged here: the code that needs it logs its outage.
    """
    for finding in await diagnose(checks):
        verdict = finding.verdict
        if finding.has_answered and verdict.state is State.FAILED:
            emit(Event.CHECK_FAILED, check=finding.name, error=verdict.detail, advice=verdict.advice)
    await asyncio.get_running_loop().create_future()


def can_run(findings: Sequence[Finding]) -> bool:
    """Whether a worker could run: no check has failed."""
    return all(finding.verdict.state is not State.FAILED for finding in findings)


async def _find(check: Check, timeout_seconds: float) -> Finding:
    started = time.monotonic()
    has_answered = True
    try:
        async with asyncio.timeout(timeout_seconds):
            verdict = await check.run()
    except TimeoutError:
        verdict, has_answered = _failed(check, f"no answer within {timeout_seconds:.0f} s"), False
    except NotAllowedError as exc:
        verdict = Verdict(State.DEGRADED, str(exc), f"allow {exc.action}, or check by hand")
    except DependencyUnavailableError as exc:
        verdict, has_answered = _failed(check, str(exc)), False
    except WorkerError as exc:
        verdict = _failed(check, str(exc))
    except Exception as exc:  # noqa: BLE001 - one broken check must not hide the others
        verdict, has_answered = _failed(check, f"the check itself failed ({type(exc).__name__})"), False
    return Finding(check.name, check.subject, verdict, time.monotonic() - started, has_answered)


def _failed(check: Check, problem: str) -> Verdict:
    return Verdict(State.FAILED if check.is_essential else State.DEGRADED, problem, check.advice)
