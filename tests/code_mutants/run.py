"""Mutants of our own code: `python -m tests.code_mutants.run --count 200` (`make mutants`).

Draws places in the domain and in the converter's verdicts, changes each alone, and runs the unit, property and
contract tests that cover it. Prints each survivor, and ends with 1 where fewer than 95 % die.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

# Imported here, so that each forked process has them already.
import aioboto3  # noqa: F401
import hypothesis.strategies  # noqa: F401
import pydantic  # noqa: F401
import pytest_asyncio.plugin  # noqa: F401
import structlog  # noqa: F401

from tests.code_mutants.operators import Mutant, mutants
from tests.code_mutants.suites import ROOT, module_of
from tests.code_mutants.survivors import reason_of
from tests.code_mutants.trial import check_tests, is_killed

_PLACES = (
    "worker/domain",
    *(f"worker/adapters/ffmpeg/{name}.py" for name in ("report", "verdict", "log", "filters", "finite")),
)
_AT_ONCE = 2
_MUST_DIE = 0.95


def drawn(seed: int, count: int, places: Iterable[str] = _PLACES) -> list[Mutant]:
    """`count` mutants; the same seed draws the same ones as long as the code is the same."""
    found: list[Mutant] = []
    for place in places:
        where = ROOT / place
        for path in sorted(where.rglob("*.py")) if where.is_dir() else [where]:
            found.extend(mutants(module_of(path), path.read_text("utf-8")))
    Random(seed).shuffle(found)
    return found[:count]


def survivors(chosen: Iterable[Mutant]) -> Iterator[Mutant]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        these, those = itertools.tee(chosen)
        for mutant, killed in zip(these, pool.map(is_killed, those), strict=True):
            if not killed:
                yield mutant


def main() -> int:
    parser = argparse.ArgumentParser(description="change our own code in one place, and see whether a test fails")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("places", nargs="*", default=_PLACES, help="files or folders, such as worker/domain/claim.py")
    arguments = parser.parse_args()
    chosen = drawn(arguments.seed, arguments.count, arguments.places)
    for module in sorted({mutant.module for mutant in chosen}):
        check_tests(module, (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8"))
    alive = 0
    for mutant in survivors(chosen):
        reason = reason_of(mutant)
        alive += reason is None
        sys.stdout.write(f"survived: {mutant}{f' (named: {reason})' if reason else ''}\n")
        sys.stdout.flush()
    dead = 1 - alive / max(1, len(chosen))
    sys.stdout.write(f"{len(chosen)} mutants, {alive} survived without a reason: {dead:.1%} died\n")
    return 0 if dead >= _MUST_DIE else 1


if __name__ == "__main__":
    sys.exit(main())
