"""What a declared value may be, beyond its type: checked, shown to people, and put into a JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Range(Generic[N]):
    """A number from `low` to `high`, both included."""

    low: N
    high: N

    def allows(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these values, in ascending order."""

    values: Sequence[int]

    def allows(self, value: float) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True, slots=True)
class Below:
    """A number below `bound`."""

    bound: float

    def allows(self, value: float) -> bool:
        return value < self.bound

    def __str__(self) -> str:
        return f"below {self.bound}"
