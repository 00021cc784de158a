"""What the worker's role may do, found out by calls that ask for nothing.

A service answers a call that the role may not make with a denial. It answers any other with a refusal, because the
arguments leave it nothing to do, so that nothing is read, changed or sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from worker.adapters.aws.client import DENIED, UNREACHABLE, ErrorTable, Refusal, refusal_of, unreachable
from worker.domain.errors import DependencyUnavailableError

_FURTHER_DENIALS = frozenset({"AllAccessDisabled", "AuthorizationError", "UnauthorizedOperation"})


@dataclass(frozen=True, slots=True)
class TrialCall:
    """A call, and the action that a policy has to allow for it."""

    action: str
    call: Callable[[], Awaitable[Any]]


async def denied_actions(dependency: str, attempts: Sequence[TrialCall], errors: ErrorTable) -> Sequence[str]:
    """Make all calls at once, and return the actions of those that are denied.

    Raises what `errors` makes of a refusal's code, and DependencyUnavailableError where the service does not answer.
    """
    are_denied = await asyncio.gather(*(_is_denied(dependency, attempt, errors) for attempt in attempts))
    return [attempt.action for attempt, is_denied in zip(attempts, are_denied, strict=True) if is_denied]


async def _is_denied(dependency: str, attempt: TrialCall, errors: ErrorTable) -> bool:
    try:
        await attempt.call()
    except ClientError as exc:
        refusal = refusal_of(exc)
        if refusal.code in errors:
            ours = errors[refusal.code]()
            raise ours from exc
        if _is_denial(refusal):
            return True
        if refusal.status >= 500:
            raise DependencyUnavailableError(dependency, f"answered {refusal} to {attempt.action}") from exc
    except UNREACHABLE as exc:
        raise unreachable(dependency, exc, about=attempt.action) from exc
    return False


def _is_denial(refusal: Refusal) -> bool:
    """Whether the role may not make the call."""
    code = refusal.code.removeprefix("KMS.")
    return (code or str(refusal.status)) in DENIED or code in _FURTHER_DENIALS
