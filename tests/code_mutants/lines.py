"""Which test runs which lines of our code, and how long it takes."""

from __future__ import annotations

import ast
import builtins
import json
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

Line = tuple[str, int]  # a module, and a line's number in its file


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of a test. `seconds` are of the clock, `cpu_seconds` of this process, both with recording."""

    __test__ = False

    name: str
    passed: bool
    seconds: float
    cpu_seconds: float
    lines: frozenset[Line]

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]


_MARK = "__line_ran__"


@contextmanager
def marked_lines() -> Iterator[set[Line]]:
    """The marked lines that ran since the beginning, in all threads."""
    ran: set[Line] = set()
    setattr(builtins, _MARK, ran.add)
    try:
        yield ran
    finally:
        setattr(builtins, _MARK, lambda _line: None)


def with_marks(tree: ast.Module, module: str) -> ast.Module:
    """The module with a mark in front of each statement of its functions.

    Marks cost time in this module alone. A trace costs time in every function that runs, of libraries too.
    """
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                for name in ("body", "orelse", "finalbody"):
                    statements = getattr(node, name, None)
                    if isinstance(statements, list) and not (statements and _is_mark(statements[0])):
                        setattr(node, name, [each for one in statements for each in (_mark(module, one), one)])
    return ast.fix_missing_locations(tree)


def _mark(module: str, statement: ast.stmt) -> ast.stmt:
    line = ast.Tuple([ast.Constant(module), ast.Constant(statement.lineno)], ast.Load())
    mark = ast.Expr(ast.Call(ast.Name(_MARK, ast.Load()), [line], []))
    return ast.copy_location(mark, statement)


def _is_mark(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
            return name == _MARK
    return False


class LineRecorder:
    """Notes the lines that run, of the files that it is given, in all threads.

    It is for the time in which modules are imported, when their functions cannot have marks yet.
    """

    def __init__(self, modules: Mapping[str, str]) -> None:
        """`modules` has the names of the modules by the paths of their files."""
        self._modules = modules

    @contextmanager
    def recording(self) -> Iterator[set[Line]]:
        """The lines that ran since the beginning."""
        ran: set[Line] = set()

        def on_line(frame: FrameType, _event: str, _arg: Any) -> Any:
            ran.add((self._modules[frame.f_code.co_filename], frame.f_lineno))
            return on_line

        def on_call(frame: FrameType, _event: str, _arg: Any) -> Any:
            return on_line if frame.f_code.co_filename in self._modules else None

        threading.settrace(on_call)
        sys.settrace(on_call)
        try:
            yield ran
        finally:
            sys.settrace(None)
            threading.settrace(None)


def write_runs(path: Path, runs: Iterable[TestRun]) -> None:
    path.write_text(json.dumps([asdict(run) | {"lines": sorted(run.lines)} for run in runs]), "utf-8")


def read_runs(path: Path) -> list[TestRun]:
    runs = json.loads(path.read_text("utf-8"))
    return [TestRun(**run | {"lines": frozenset((module, line) for module, line in run["lines"])}) for run in runs]
