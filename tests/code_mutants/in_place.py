"""Mutants judged by tests that are imported once: each in a process forked from it, in which functions get other code.

This takes a fraction of a second a mutant. Of the code that runs while modules are imported, it judges what gives a
value to a name that is private to its module (`constants`).
"""

from __future__ import annotations

import ast
import functools
import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType

import hypothesis
import pytest

from tests.code_mutants.children import Work, limit_cpu_seconds, results, succeeds
from tests.code_mutants.constants import Dependents, dependents
from tests.code_mutants.lines import Line, LineRecorder, TestRun, marked_lines, read_runs, with_marks, write_runs
from tests.code_mutants.operators import Mutant
from tests.code_mutants.suites import are_imported, covering_files, path_of, source_of
from tests.support import sounds

_FLAGS = annotations.compiler_flag  # of the import of the future above
_RECORDING_SECONDS = 1800.0
_MOST = 5  # times what a test took with recording, which makes it slower
_MORE_CPU_SECONDS = 1.0
_MORE_SECONDS = 30.0  # by the clock: a busy machine is no endless wait


class InPlaceJudge:
    """A plugin of pytest that runs the collected tests once for the record, and then against each mutant."""

    def __init__(self, chosen: Sequence[Mutant], judged: Callable[[Mutant, bool], None], scratch: Path) -> None:
        """`judged` is told of each mutant whether it survived. `scratch` is a directory."""
        self._chosen = chosen
        self._judged = judged
        self._scratch = scratch
        self._recorder = LineRecorder({str(path_of(mutant.module)): mutant.module for mutant in chosen})
        self._import_lines: set[Line] = set()
        self.runs: list[TestRun] = []  # of all tests, the fastest first

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self) -> Iterator[None]:
        """Notes what runs while conftest.py is imported, which is before all tests are."""
        with self._recorder.recording() as ran:
            yield
        self._import_lines |= ran

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Iterator[None]:
        """Notes what runs while the tests are imported. Examples that fail are not made smaller, which takes long."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", hypothesis.settings(), phases=phases, database=None)
        hypothesis.settings.load_profile("mutants")
        with self._recorder.recording() as ran:
            yield
        self._import_lines |= ran

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In the place of one run of the tests. Raises RuntimeError where they cannot be imported or do not end."""
        if session.testsfailed:
            raise RuntimeError("the tests cannot be imported")
        path = self._scratch / "runs.json"
        sounds.directory()  # all processes share what one has made
        if not succeeds(lambda: self._record(session, path), within_seconds=_RECORDING_SECONDS):
            raise RuntimeError("the tests do not end")
        self.runs = sorted(read_runs(path), key=lambda run: run.seconds)
        functions = _Functions()
        gc.freeze()  # else each fork copies the memory of what it only counts
        for mutant, survived in results(self._works(session, functions)):
            self._judged(mutant, survived)
        return True

    def _works(self, session: pytest.Session, functions: _Functions) -> Iterator[Work[Mutant]]:
        items = {item.nodeid: item for item in session.items}
        for mutant in self._chosen:
            lines = _lines_of(mutant)
            again = None
            if not self._import_lines.isdisjoint(lines):
                again = _dependents(mutant)
                if again is None:
                    continue
                lines |= {(mutant.module, number) for number in again.lines}
            files = covering_files(mutant.module)
            runs = [run for run in self.runs if run.passed and run.file in files and not run.lines.isdisjoint(lines)]
            tests = [(items[run.name], run) for run in runs]
            passes = partial(_passes, mutant, again, tests, session, functions)
            yield Work(mutant, passes, _MORE_SECONDS + _MOST * sum(run.seconds for run in runs))

    def _record(self, session: pytest.Session, path: Path) -> bool:
        functions, runs = _Functions(), []
        for module in {mutant.module for mutant in self._chosen}:
            functions.mark(module)
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            failed, began, began_cpu = session.testsfailed, time.monotonic(), time.process_time()
            with marked_lines() as lines:
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            cpu_seconds = time.process_time() - began_cpu
            passed = session.testsfailed == failed
            runs.append(TestRun(item.nodeid, passed, time.monotonic() - began, cpu_seconds, frozenset(lines)))
        write_runs(path, runs)
        return True


def _dependents(mutant: Mutant) -> Dependents | None:
    """What is computed again in this process; None where others have imported a value as it was."""
    again = dependents(mutant.tree(source_of(mutant.module)), mutant.number)
    return again if again and not are_imported(mutant.module, again.names) else None


def _passes(
    mutant: Mutant,
    again: Dependents | None,
    tests: Sequence[tuple[pytest.Item, TestRun]],
    session: pytest.Session,
    functions: _Functions,
) -> bool:
    """Whether all tests pass with the mutant, which this process has from now on."""
    try:
        functions.change(mutant, again)
    except Exception:  # noqa: BLE001  # nor could it be imported
        return False
    following = [item for item, _ in tests[1:]]
    for (item, run), next_item in zip(tests, [*following, None], strict=False):  # there may be no tests
        limit_cpu_seconds(_MORE_CPU_SECONDS + _MOST * run.cpu_seconds)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=next_item)
        if session.testsfailed:
            return False
    return True


class _Functions:
    """All functions of this process, found once, so that they can get the code of a mutant."""

    def __init__(self) -> None:
        self._by_path: dict[str, list[FunctionType]] = {}
        self._caches = []
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType):
                self._by_path.setdefault(thing.__code__.co_filename, []).append(thing)
            elif isinstance(thing, functools._lru_cache_wrapper) and thing.__module__.startswith("worker."):
                self._caches.append(thing)

    def change(self, mutant: Mutant, again: Dependents | None) -> None:
        """Give the functions of the module the code of the mutant, and its names what is computed again."""
        self._take(path_of(mutant.module), mutant.tree(source_of(mutant.module)))
        if again:
            assignments = ast.Module(list(again.assignments), [])
            exec(compile(assignments, str(path_of(mutant.module)), "exec", _FLAGS), vars(sys.modules[mutant.module]))

    def mark(self, module: str) -> None:
        """Let the functions of the module tell which of their lines run."""
        self._take(path_of(module), with_marks(ast.parse(source_of(module)), module))

    def _take(self, path: Path, tree: ast.Module) -> None:
        code = compile(tree, str(path), "exec", dont_inherit=True)
        changed: Mapping[tuple[str, int], CodeType] = {
            (each.co_qualname, each.co_firstlineno): each for each in _codes_in(code)
        }
        for function in self._by_path.get(str(path), []):
            old = function.__code__
            function.__code__ = changed[old.co_qualname, old.co_firstlineno]
        for cache in self._caches:
            cache.cache_clear()


def _lines_of(mutant: Mutant) -> set[Line]:
    return {(mutant.module, number) for number in mutant.statement}


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)
