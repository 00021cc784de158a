"""A schedule that breaks an invariant, made as small as it gets, and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self, TypeVar


class Thinnable(Protocol):
    """A schedule from which incidents can be left out."""

    @property
    def incidents(self) -> Sequence[object]: ...

    def without(self, index: int) -> Self: ...


S = TypeVar("S", bound=Thinnable)


def shrunk(schedule: S, fails: Callable[[S], bool]) -> S:
    """Without the incidents that it fails without. The schedule itself if it does not fail."""
    index = len(schedule.incidents) - 1
    while index >= 0:
        smaller = schedule.without(index)
        if fails(smaller):
            schedule = smaller
        index -= 1
    return schedule


def account(schedule: Thinnable, history: Sequence[str], violation: object, *, keep_in: str) -> str:
    """All that there is to say of a failure; `keep_in` is the file where such schedules are kept."""
    return "\n".join(
        [
            str(schedule),
            "what happened:",
            *history,
            f"violated: {violation}",
            f"to keep it, in tests/simulation/{keep_in}:",
            repr(schedule),
        ]
    )
