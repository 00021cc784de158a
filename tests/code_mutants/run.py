"""Mutants of our own code: `python -m tests.code_mutants.run --count 200` (`make mutants`).

Draws places in the domain and in the converter's verdicts, changes each alone, and runs the tests of `suites` that
run it, the fastest first, to the first failure. Prints each survivor and a table of the modules,
and ends with 1 where fewer than 95 % die, or where a named survivor dies.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

# Imported here, so that each forked process has them already.
import aioboto3  # noqa: F401
import hypothesis.strategies  # noqa: F401
import pydantic  # noqa: F401
import pytest
import pytest_asyncio.plugin  # noqa: F401
import structlog  # noqa: F401

from tests.code_mutants import fresh
from tests.code_mutants.in_place import InPlaceJudge
from tests.code_mutants.lines import TestRun
from tests.code_mutants.operators import Mutant, mutants
from tests.code_mutants.suites import ROOT, covering_files, module_of, source_of
from tests.code_mutants.survivors import must_survive, reason_of

_OF_FFMPEG = (
    *("printed_headers", "printed_progress", "counts", "failures", "verdict"),
    *("log", "filters", "channels", "finite"),
)
PLACES = (
    "worker/domain",
    *(f"worker/adapters/ffmpeg/{name}.py" for name in _OF_FFMPEG),
)
_MUST_DIE = 0.95


def all_mutants(places: Iterable[str] = PLACES) -> list[Mutant]:
    found: list[Mutant] = []
    for place in places:
        where = ROOT / place
        for path in sorted(where.rglob("*.py")) if where.is_dir() else [where]:
            found.extend(mutants(module_of(path), source_of(module_of(path))))
    return found


class Ends:
    """What came of the mutants."""

    def __init__(self) -> None:
        self._of: dict[str, Counter[str]] = {}  # by module
        self.are_stale = False

    def add(self, mutant: Mutant, survived: bool) -> None:
        """Counts the end, and prints a survivor."""
        reason = reason_of(mutant)
        end = "died" if not survived else "named" if reason else "alive"
        self._of.setdefault(mutant.module, Counter())[end] += 1
        if survived:
            _say(f"survived: {mutant}{f' (named: {reason})' if reason else ''}")
        elif must_survive(mutant):
            self.are_stale = True
            _say(f"named among the survivors, and died: {mutant}")

    def table(self) -> str:
        """By module: how many died, survived with a reason, and survived without one."""
        rows = [(module, ends, _share(ends)) for module, ends in [*sorted(self._of.items()), ("all", self._all())]]
        lines = [
            f"{name:40}{ends['died']:7}{ends['named']:7}{ends['alive']:7}{share:8.1%}" for name, ends, share in rows
        ]
        return "\n".join([f"{'':40}{'died':>7}{'named':>7}{'alive':>7}", *lines])

    def are_good(self) -> bool:
        return _share(self._all()) >= _MUST_DIE and not self.are_stale

    def _all(self) -> Counter[str]:
        return sum(self._of.values(), Counter())


def _share(ends: Counter[str]) -> float:
    """Of those that have no reason to survive, how many died."""
    return ends["died"] / max(1, ends["died"] + ends["alive"])


def _judge_in_place(chosen: Sequence[Mutant]) -> tuple[Ends, list[Mutant], list[TestRun]]:
    """The ends of those that need no new imports, the other mutants, and the runs of the tests."""
    files = frozenset[str]().union(*(covering_files(mutant.module) for mutant in chosen))
    ends, others = Ends(), list(chosen)

    def take(mutant: Mutant, survived: bool) -> None:
        ends.add(mutant, survived)
        others.remove(mutant)

    with tempfile.TemporaryDirectory(prefix="code-mutants-") as scratch:
        judge = InPlaceJudge(chosen, take, Path(scratch))
        code = pytest.main([*fresh.OPTIONS, *fresh.QUIET, *sorted(files)], plugins=[judge])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"the tests could not be run: pytest ended with {code!r}")
    return ends, others, judge.runs


def main() -> int:
    parser = argparse.ArgumentParser(description="change our own code in one place, and see whether a test fails")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200, help="how many are drawn; 0 for all")
    parser.add_argument("places", nargs="*", default=PLACES, help="files or folders, such as worker/domain/claim.py")
    arguments = parser.parse_args()
    chosen = all_mutants(arguments.places)
    Random(arguments.seed).shuffle(chosen)
    chosen = chosen[: arguments.count or None]
    # In a process of its own: what judges anew may not have imported anything of ours.
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        ends, others, runs = pool.submit(_judge_in_place, chosen).result()
    for mutant, survived in fresh.ends(others, runs):
        ends.add(mutant, survived)
    for run in runs:
        if not run.passed:
            _say(f"left out, because it fails with the code as it is: {run.name}")
    _say(ends.table())
    return 0 if ends.are_good() else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
