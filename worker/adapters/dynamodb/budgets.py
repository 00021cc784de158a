"""How long calls to DynamoDB may take, their one repetition, and our exceptions in the place of the SDK's."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from worker.adapters.aws.client import ErrorTable, is_refused, translated
from worker.adapters.dynamodb.errors import MisconfiguredError
from worker.domain.circuit import Severity
from worker.domain.errors import DependencyUnavailableError
from worker.ports import StoreUnavailableError

P = ParamSpec("P")
T = TypeVar("T")

_RETRY_SECONDS = 0.05
_TICK_SECONDS = 0.6
_JOB_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Budgets:
    """How long a call may take, in seconds, with its second try.

    `tick_seconds` is for what nothing waits for: with the 0.3 s of the cache before it, a write of progress stays
    below one second. `job_seconds` is for what a job or a command waits for; it is well inside a lease.
    """

    tick_seconds: float = _TICK_SECONDS
    job_seconds: float = _JOB_SECONDS

    @classmethod
    def within(cls, lease_seconds: float) -> Budgets:
        """The budgets of a worker with such leases."""
        return cls(job_seconds=min(_JOB_SECONDS, lease_seconds / 3))


class _Bounded(Protocol):
    budgets: Budgets
    errors: ErrorTable


S = TypeVar("S", bound=_Bounded)


def for_tick(budgets: Budgets) -> float:
    return budgets.tick_seconds


def for_job(budgets: Budgets) -> float:
    return budgets.job_seconds


def bounded_by(
    seconds_of: Callable[[Budgets], float],
) -> Callable[
    [Callable[Concatenate[S, P], Coroutine[Any, Any, T]]],
    Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
]:
    """Bound one call, try it a second time if it fails, and raise StoreUnavailableError for what the SDK raises.

    The SDK's own retry is off: it sleeps for up to a second, longer than a tick's budget. A second try is safe,
    because the first may have got through and every write is conditional.
    """

    def bound(
        call: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
        @functools.wraps(call)
        async def bounded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
            was_refused = True
            try:
                async with asyncio.timeout(seconds_of(self.budgets)):
                    try:
                        with translated("DynamoDB", self.errors):
                            return await call(self, *args, **kwargs)
                    except DependencyUnavailableError as exc:
                        was_refused = is_refused(exc)
                        await asyncio.sleep(_RETRY_SECONDS)
                    with translated("DynamoDB", self.errors):
                        return await call(self, *args, **kwargs)
            except TimeoutError as exc:
                raise StoreUnavailableError("DynamoDB did not answer in time") from exc
            except DependencyUnavailableError as exc:
                severity = Severity.HARD if isinstance(exc, MisconfiguredError) else Severity.SOFT
                raise StoreUnavailableError(str(exc), severity, is_refusal=was_refused and is_refused(exc)) from exc

        return bounded

    return bound
