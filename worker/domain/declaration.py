"""How the members of a message and of a record are declared: once, as annotated fields of a dataclass.

    sample_rate_hz: Annotated[int | None, Option("Sample rate in Hz.", lambda rules: rules.rates_hz)] = None

The annotation is the declaration. Reading, refusing and writing (`worker/application/messages/codec.py`), the JSON
Schema (`schema.py` beside it), the flags of `worker submit` and the page docs/options.md are derived from it.
A member's type may be a whole number, a number, a truth value, a text, an enumeration of texts, a class that has
`parse` and the limits of its text in `TEXT`, a mapping of names to texts or None, a dataclass of further members, a
tuple of one of these, or a text or such a tuple. A member with a default may be left out.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from worker.domain.audio import FormatSpec
from worker.domain.limits import ANYTHING, Limits

LimitsByFormat = Callable[[FormatSpec], Limits | None]


@dataclass(frozen=True, slots=True)
class Field:
    """A member whose limits are the same everywhere. `meaning` is a sentence for people.

    A member that is `left_out_if_null` is left out of a record where it has no value.
    """

    meaning: str
    limits: Limits = ANYTHING
    left_out_if_null: bool = False


@dataclass(frozen=True, slots=True)
class Companion:
    """Another option, and the limits that it has to keep where both are given. No limits: any value goes with it.

    With `given`, that holds only where the option itself has this value.
    """

    name: str
    limits: LimitsByFormat
    given: Any = None


@dataclass(frozen=True, slots=True)
class Option:
    """An option of an output, whose limits depend on the format; a format without limits does not have the option.

    `unavailable` is a relative clause about the formats of sound that do not have it. With `extensions`, only targets
    that end so have it.
    """

    meaning: str
    limits: LimitsByFormat
    unavailable: str = ""
    companions: tuple[Companion, ...] = ()
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A declared member of a dataclass. `type` is without None; a required one has no default."""

    name: str
    type: Any
    is_nullable: bool
    declared: Field | Option
    default: Any = dataclasses.MISSING

    @property
    def is_required(self) -> bool:
        return self.default is dataclasses.MISSING


def members_of(kind: Any) -> tuple[Member, ...]:
    """The members of a dataclass, in order. Raises TypeError where one is not declared."""
    return _members_of(kind)


def options_of(kind: Any) -> dict[str, tuple[Member, Option]]:
    """The members of an output that are options, by name."""
    return {
        member.name: (member, member.declared) for member in members_of(kind) if isinstance(member.declared, Option)
    }


@cache
def _members_of(kind: Any) -> tuple[Member, ...]:
    # Not typing.get_type_hints: a lambda in an annotation could not see the names of its module there.
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        hints |= inspect.get_annotations(base, eval_str=True)
    return tuple(_member(field, hints[field.name]) for field in dataclasses.fields(kind))


def _member(field: dataclasses.Field[Any], hint: Any) -> Member:
    type_, *metadata = get_args(hint) or (hint,)
    declared = next((each for each in metadata if isinstance(each, Field | Option)), None)
    if declared is None:
        raise TypeError(f"{field.name} is not declared: Annotated[…, Field(…)] is missing")
    alternatives = alternatives_of(type_)
    bare = [each for each in alternatives if each is not NoneType]
    return Member(field.name, reduce(or_, bare), NoneType in alternatives, declared, field.default)


def alternatives_of(kind: Any) -> tuple[Any, ...]:
    """The types of a union; a type that is none is its own only alternative."""
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
