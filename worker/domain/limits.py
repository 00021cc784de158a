"""What a declared value may be, beyond its type: checked, said to people, and put into a JSON Schema."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

N = TypeVar("N", int, float)


class Limits(ABC):
    """Base of the limits. As a string, one follows the words "must be"."""

    __slots__ = ()

    @abstractmethod
    def allows(self, value: Any) -> bool:
        """Whether a value of the right type is within the limits."""

    @abstractmethod
    def keywords(self) -> Mapping[str, Any]:
        """The limits as keywords of JSON Schema (draft 2020-12)."""

    def problem_with(self, value: Any) -> str | None:
        """Why a value of the right type is refused, or None."""
        return None if self.allows(value) else f"must be {self}"

    def beside(self, name: str) -> str:
        """How the member `name` has to be for another one to be chosen, in words that follow "only"."""
        return f"with a {name} {self}"


class Anything(Limits):
    """All values of the type."""

    __slots__ = ()

    def allows(self, value: Any) -> bool:
        return True

    def keywords(self) -> Mapping[str, Any]:
        return {}

    def __str__(self) -> str:
        return "anything"


ANYTHING = Anything()


class Absent(Limits):
    """No value: the member is left out."""

    __slots__ = ()

    def allows(self, value: Any) -> bool:
        return value is None

    def keywords(self) -> Mapping[str, Any]:
        return {"const": None}

    def beside(self, name: str) -> str:
        return f"without a {name}"

    def __str__(self) -> str:
        return "left out"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Range(Limits, Generic[N]):
    """A number from `low` to `high`, both included."""

    low: N
    high: N

    def allows(self, value: float) -> bool:
        return self.low <= value <= self.high

    def keywords(self) -> Mapping[str, Any]:
        return {"minimum": self.low, "maximum": self.high}

    def __str__(self) -> str:
        return f"from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class AtLeast(Limits):
    """A number that is `low` or more."""

    low: float

    def allows(self, value: float) -> bool:
        return value >= self.low

    def keywords(self) -> Mapping[str, Any]:
        return {"minimum": self.low}

    def __str__(self) -> str:
        return f"at least {self.low}"


@dataclass(frozen=True, slots=True)
class Below(Limits):
    """A number below `bound`."""

    bound: int

    def allows(self, value: float) -> bool:
        return value < self.bound

    def keywords(self) -> Mapping[str, Any]:
        return {"exclusiveMaximum": self.bound}

    def __str__(self) -> str:
        return f"below {self.bound}"


@dataclass(frozen=True, slots=True)
class OneOf(Limits):
    """One of these numbers, which ascend."""

    values: Sequence[int]

    def allows(self, value: float) -> bool:
        return value in self.values

    def keywords(self) -> Mapping[str, Any]:
        return {"enum": list(self.values)}

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True, slots=True)
class Choice(Limits):
    """One of these texts."""

    values: Sequence[str]

    def allows(self, value: str) -> bool:
        return value in self.values

    def keywords(self) -> Mapping[str, Any]:
        return {"enum": list(self.values)}

    def __str__(self) -> str:
        return "one of " + ", ".join(self.values)


@dataclass(frozen=True, slots=True)
class Pattern(Limits):
    """A text that the whole of `regex` matches; `rule` says the same to people."""

    regex: str
    rule: str

    def allows(self, value: str) -> bool:
        return re.fullmatch(self.regex, value) is not None

    def keywords(self) -> Mapping[str, Any]:
        return {"pattern": f"^{self.regex}$"}

    def __str__(self) -> str:
        return self.rule


@dataclass(frozen=True, slots=True)
class Count(Limits):
    """A list of `low` to `high` items."""

    low: int
    high: int

    def allows(self, value: Sized) -> bool:
        return self.low <= len(value) <= self.high

    def problem_with(self, value: Sized) -> str | None:
        return None if self.allows(value) else f"must be {self}, not {len(value)}"

    def keywords(self) -> Mapping[str, Any]:
        return {"minItems": self.low, "maxItems": self.high}

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class CountIfList(Count):
    """A list of `low` to `high` items, or a value that is no list."""

    def problem_with(self, value: Any) -> str | None:
        return Count.problem_with(self, value) if isinstance(value, tuple) else None


@dataclass(frozen=True, slots=True)
class Different(Limits):
    """A list of different items: as many as `count` allows, each within `each`."""

    count: Count
    each: Limits

    def allows(self, value: Sequence[Any]) -> bool:
        return self.problem_with(value) is None

    def problem_with(self, value: Sequence[Any]) -> str | None:
        if not self.count.allows(value) or len(set(value)) != len(value):
            return f"must be {self}"
        return next((f"must be {self}" for item in value if not self.each.allows(item)), None)

    def keywords(self) -> Mapping[str, Any]:
        return {**self.count.keywords(), "uniqueItems": True, "items": dict(self.each.keywords())}

    def __str__(self) -> str:
        return f"{self.count} different ones, each {self.each}"
