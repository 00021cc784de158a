"""Which test runs which lines of our code, and how long it takes."""

from __future__ import annotations

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


class LineRecorder:
    """Notes the lines that run, of the files that it is given, in all threads."""

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
