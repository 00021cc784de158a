"""The base of what checks a run, and the trace of what it was called with."""

from __future__ import annotations

import functools
import inspect
import string
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tests.support.lean_loop import LeanLoop
from worker.domain.progress import FIRST_RUN, Record, Version

_TEMPLATE = "trace_template"

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound="BaseChecker")


class ViolationError(AssertionError):
    """An invariant does not hold."""


class BaseChecker:
    """Is called for everything that happens, and ends the run at the first violation."""

    def __init__(self, loop: LeanLoop | None = None) -> None:
        self.lines: list[str] = []  # of the trace, where there is one
        self._loop = loop

    def violated(self, text: str) -> None:
        """Raises ViolationError, and ends the run where the caller is a task that would keep the exception."""
        violation = ViolationError(text)
        if self._loop is not None:
            self._loop.abort(violation)
        raise violation

    def noted(self, text: str) -> None:
        """Something happened that belongs into a trace and that no invariant depends on."""


def traced(template: str) -> Callable[[F], F]:
    """A call of this method is a line of the trace: `template`, formatted with the call's arguments."""

    def mark(method: F) -> F:
        setattr(method, _TEMPLATE, template)
        return method

    return mark


def tracing(checker: type[C]) -> type[C]:
    """A checker of the same kind that keeps a trace. Formatting takes time, so only a run to be explained has one."""
    methods = {
        name: _traced_method(method)
        for name, method in inspect.getmembers(checker, inspect.isfunction)
        if hasattr(method, _TEMPLATE)
    }
    return type(f"Tracing{checker.__name__}", (_Tracing, checker), methods)


class _Tracing(BaseChecker):
    def __init__(self, loop: LeanLoop, *arguments: Any) -> None:
        super().__init__(loop, *arguments)
        self._clock = loop
        self._began_at = loop.now
        self._is_over = False

    def noted(self, text: str) -> None:
        if not self._is_over:
            self.lines.append(f"  {self._clock.now - self._began_at:9.3f}  {text}")

    def violated(self, text: str) -> None:
        self._is_over = True
        super().violated(text)


def _traced_method(method: Callable[..., None]) -> Callable[..., None]:
    signature, template = inspect.signature(method), getattr(method, _TEMPLATE)

    @functools.wraps(method)
    def trace(self: _Tracing, *arguments: Any, **keywords: Any) -> None:
        bound = signature.bind(self, *arguments, **keywords)
        self.noted(_FORMATTER.vformat(template, (), bound.arguments))
        method(self, *arguments, **keywords)

    return trace


class _Formatter(string.Formatter):
    """Formats records and versions in few words."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Mapping):
            return ", ".join(map(brief, value.values())) or "nothing"
        if isinstance(value, Record | None):
            return brief(value)
        if isinstance(value, Version):
            return brief_version(value)
        return str(super().format_field(value, format_spec))


_FORMATTER = _Formatter()


def brief(record: Record | None) -> str:
    """The record in few words."""
    if record is None:
        return "nothing"
    run = "" if record.run == FIRST_RUN else f", run {record.run}"
    return f"{brief_version(record.version)} {record.status.value} {record.percent:g} % by {record.worker}{run}"


def brief_version(version: Version) -> str:
    return f"({version.fence % 1000}, {version.seq})"
