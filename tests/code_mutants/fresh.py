"""Mutants judged by tests that are imported for each anew, in a process that is forked before anything of ours is."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import CodeType, ModuleType

import pytest

from tests.code_mutants.children import Work, results
from tests.code_mutants.lines import TestRun
from tests.code_mutants.operators import Mutant
from tests.code_mutants.suites import covering, source_of

OPTIONS = ("-s", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0")
# Its plugins are imported before the fork.
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
_MOST = 10  # times what the tests took
_MORE_SECONDS = 60.0  # for the imports, on a busy machine


def ends(chosen: Sequence[Mutant], runs: Sequence[TestRun]) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant with whether no test fails with it. `runs` are those of the tests with the code as it is.

    The tests in files that import the module are tried, and where they pass, those of others that ran a line of it.
    """
    passed = []
    for mutant, survived in results(_work(mutant, _near(mutant, runs)) for mutant in chosen):
        if survived:
            passed.append(mutant)
        else:
            yield mutant, False
    yield from results(_work(mutant, _far(mutant, runs)) for mutant in passed)


def _near(mutant: Mutant, runs: Sequence[TestRun]) -> list[TestRun]:
    direct, *_ = covering(mutant.module)
    return [run for run in runs if run.passed and run.file in direct]


def _far(mutant: Mutant, runs: Sequence[TestRun]) -> list[TestRun]:
    direct, *others = covering(mutant.module)
    files = {name for stage in others for name in stage if name not in direct}
    ran = [run for run in runs if run.passed and run.file in files]
    return [run for run in ran if any(mutant.module == name for name, _ in run.lines)]


def _work(mutant: Mutant, runs: Sequence[TestRun]) -> Work[Mutant]:
    seconds = _MORE_SECONDS + _MOST * sum(run.seconds for run in runs)
    return Work(mutant, partial(_pass, mutant, {run.name: run for run in runs}), seconds)


def _pass(mutant: Mutant, runs: Mapping[str, TestRun]) -> bool:
    if not runs:
        return True
    sys.meta_path.insert(0, _MutantImporter(mutant))
    files = sorted({run.file for run in runs.values()})
    code = pytest.main(["-x", *OPTIONS, *QUIET, *files], plugins=[_FastestFirst(runs)])
    return code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}


class _FastestFirst:
    """A plugin of pytest: only the given tests, the fastest first."""

    def __init__(self, runs: Mapping[str, TestRun]) -> None:
        self._runs = runs

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._runs]
        items.sort(key=lambda item: self._runs[item.nodeid].seconds)


class _MutantImporter(importlib.abc.MetaPathFinder):
    """Gives the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert found is not None
        assert found.origin is not None
        loader = _MutantLoader(fullname, found.origin, self._mutant)
        return importlib.util.spec_from_file_location(fullname, found.origin, loader=loader)


class _MutantLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._mutant.tree(source_of(fullname)), self.path, "exec", dont_inherit=True)
