"""From JSON to declared values and back (`worker/domain/declaration.py`). What is wrong is refused by its path."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar, cast, get_args, get_origin

from worker.application.messages.json_text import shown
from worker.domain.declaration import Field, Member, alternatives_of, members_of
from worker.domain.errors import InvalidMessageError

T = TypeVar("T")

# The types of a scalar's JSON, exactly: a truth value is no number.
_SCALARS: dict[type, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}
_NAMES = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}


def read(kind: type[T], document: object, path: str = "") -> T:
    """The dataclass `kind` that a JSON object describes. Raises InvalidMessageError about the first wrong member.

    An optional member that is null counts as not given. An Option's limits are not checked here: they depend on the
    format of its output.
    """
    if not isinstance(document, dict):
        raise InvalidMessageError(path or "body", f"must be {name_of(kind)}")
    members = members_of(kind)
    values = {}
    for member in members:
        where = _joined(path, member.name)
        value = document.get(member.name)
        if value is not None or (member.is_required and member.name in document):
            values[member.name] = _read_member(member, value, where)
        elif member.is_required:
            raise InvalidMessageError(where, "is required")
    known = {member.name for member in members}
    for name in document:
        if name not in known:
            raise InvalidMessageError(_joined(path, shown(name)), "is not known")
    return kind(**values)


def write(value: Any) -> Any:
    """The JSON that `read` reads back as the same value; members that have their default are left out."""
    if hasattr(value, "parse"):
        return str(value)
    if dataclasses.is_dataclass(value):
        members = ((member, getattr(value, member.name)) for member in members_of(type(value)))
        return {member.name: write(given) for member, given in members if given != member.default}
    if isinstance(value, tuple):
        return [write(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def read_value(kind: Any, value: object, path: str) -> Any:
    """A value of the declared type `kind`. Raises InvalidMessageError."""
    alternatives = alternatives_of(kind)
    if len(alternatives) > 1:
        return read_value(_alternative(alternatives, value, path), value, path)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise InvalidMessageError(path, f"must be {name_of(kind)}")
        item_kind = get_args(kind)[0]
        return tuple(read_value(item_kind, item, f"{path}[{index}]") for index, item in enumerate(value))
    if get_origin(kind) is Mapping:
        return _texts(value, path)
    if hasattr(kind, "parse"):
        return _parsed(kind, read_value(str, value, path), path)
    if dataclasses.is_dataclass(kind):
        return read(cast("type", kind), value, path)
    if issubclass(kind, StrEnum):
        return _chosen(kind, read_value(str, value, path), path)
    if type(value) not in _SCALARS[kind]:
        raise InvalidMessageError(path, f"must be {name_of(kind)}")
    return value


def _alternative(kinds: Sequence[Any], value: object, path: str) -> Any:
    """Which of a text and a list the value is. Raises InvalidMessageError where it is neither."""
    if not isinstance(value, str | list):
        raise InvalidMessageError(path, "must be " + " or ".join(map(name_of, kinds)))
    return next(kind for kind in kinds if is_text(kind) == isinstance(value, str))


def name_of(kind: Any) -> str:
    """What a value of the declared type is in JSON, in words that follow "must be"."""
    if get_origin(kind) is tuple:
        return "a list"
    return _NAMES[str] if is_text(kind) else _NAMES.get(kind, "an object")


def is_text(kind: Any) -> bool:
    """Whether a value of the declared type is a string in JSON."""
    return kind is str or hasattr(kind, "parse") or (isinstance(kind, type) and issubclass(kind, StrEnum))


def _read_member(member: Member, value: object, path: str) -> Any:
    result = read_value(member.type, value, path)
    if isinstance(member.declared, Field) and (problem := member.declared.limits.problem_with(result)):
        raise InvalidMessageError(path, problem)
    return result


def _texts(value: object, path: str) -> Mapping[str, str | None]:
    """An object whose members are texts or null, with any names."""
    if not isinstance(value, dict):
        raise InvalidMessageError(path, "must be an object")
    for name, text in value.items():
        if not isinstance(text, str | None):
            raise InvalidMessageError(_joined(path, shown(name)), "must be a string or null")
    return dict(value)


def _parsed(kind: Any, text: str, path: str) -> Any:
    try:
        return kind.parse(text)
    except ValueError as exc:
        raise InvalidMessageError(path, str(exc)) from None


def _chosen(kind: type[StrEnum], text: str, path: str) -> StrEnum:
    try:
        return kind(text)
    except ValueError:
        raise InvalidMessageError(path, "must be one of " + ", ".join(kind)) from None


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
