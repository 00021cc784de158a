"""What all schedules have in common: they are values that can be printed, kept, and made smaller."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from tests.simulation.core.faults import Fault


@dataclass(frozen=True, slots=True)
class LinkFault:
    """From `start` to `end`, requests of each of `who` to `service` meet the fault with this probability.

    Times are in seconds after the beginning of the run.
    """

    start: float
    end: float
    who: tuple[str, ...]
    service: str
    fault: Fault
    probability: float = 1.0

    def hits(self, rng: random.Random) -> bool:
        return self.probability >= 1.0 or rng.random() < self.probability

    def __str__(self) -> str:
        share = "" if self.probability >= 1.0 else f", {self.probability:.0%} of requests"
        about = f"{' '.join(self.who)} -> {self.service}: {self.fault.name}{share}"
        return f"{self.start:6.3f} to {self.end:6.3f}  {about}"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happens `at` a time, in seconds after the beginning of the run."""

    at: float

    @property
    def start(self) -> float:
        return self.at

    @property
    def end(self) -> float:
        """When it is over."""
        return self.at


class Timed(Protocol):
    """An incident of any kind."""

    @property
    def start(self) -> float: ...

    @property
    def end(self) -> float: ...


@dataclass(frozen=True, slots=True)
class BaseSchedule:
    """One run. The schedule of a seed is always the same."""

    seed: int
    incidents: tuple[Timed, ...]

    @property
    def link_faults(self) -> Sequence[LinkFault]:
        return [each for each in self.incidents if isinstance(each, LinkFault)]

    @property
    def last_end(self) -> float:
        """When the last incident is over, in seconds after the beginning of the run."""
        return max((each.end for each in self.incidents), default=0.0)

    def without(self, index: int) -> Self:
        """The same schedule with one incident less."""
        return replace(self, incidents=self.incidents[:index] + self.incidents[index + 1 :])

    def lines(self) -> Sequence[str]:
        """The incidents in the order of time, one a line."""
        return [f"  {each}" for each in sorted(self.incidents, key=lambda each: each.start)]
