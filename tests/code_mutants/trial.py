"""One mutant of our code against the tests that cover it, in a process that is forked for it."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Sequence
from types import CodeType, ModuleType

import pytest

from tests.code_mutants.operators import Mutant
from tests.code_mutants.suites import ROOT, covering

_LONGEST_SECONDS = 600.0
_took_seconds: dict[str, float] = {}  # by the files: how long the tests take with the code as it is
_OPTIONS = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0")
# Its plugins are imported before the fork.
_QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class MutantImporter(importlib.abc.MetaPathFinder):
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
        return compile(self._mutant.tree, self.path, "exec")


def is_killed(mutant: Mutant) -> bool:
    """Whether a test fails with the mutant, or does not end. Nothing of the worker may have been imported."""
    return any(_fails(mutant, files) for files in covering(mutant.module))


def check_tests(module: str, source: str) -> None:
    """Raises RuntimeError where the tests fail with the module as it is: then they show nothing about a mutant."""
    as_it_is = Mutant(module, 1, "", "nothing", ast.parse(source))
    for files in covering(module):
        began = time.monotonic()
        if _fails(as_it_is, files):
            raise RuntimeError(f"with no mutant at all these fail: {' '.join(files)}")
        _took_seconds[" ".join(files)] = time.monotonic() - began


def _fails(mutant: Mutant, files: Sequence[str]) -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _run_tests(mutant, files)
        finally:
            os._exit(code)
    took = _took_seconds.get(" ".join(files), _LONGEST_SECONDS / 10)
    deadline = time.monotonic() + 10 * took  # a busy machine is no endless loop
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _run_tests(mutant: Mutant, files: Sequence[str]) -> int:
    os.setsid()  # what the tests start ends with them
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(quiet, fd)
    os.chdir(ROOT)
    sys.meta_path.insert(0, MutantImporter(mutant))
    return int(pytest.main([*_OPTIONS, *_QUIET, *files]))
