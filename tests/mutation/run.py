"""Mutants of whole files through the worker's converter: `python -m tests.mutation.run --count 5000` (`make mutate`).

Prints the table of wrong ends, and ends with 1 where one is not excused. With independent decoders on this machine
(tests/reference) they judge as well.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutation.judge import Finding, is_excused, judge
from tests.mutation.mutations import MUTATIONS
from tests.mutation.sources import SOURCES, whole
from tests.mutation.trial import Trial, convert
from tests.reference.decoders import missing
from tests.reference.hearing import hear_with_others
from tests.support.sweep import HeardSweep

_AT_ONCE = 2


def trials(seed: int, count: int, sources: Sequence[str] = tuple(SOURCES)) -> Iterator[Trial]:
    """`count` mutants: every mutation of every source, then the same with the next seed."""
    return itertools.islice(
        (
            Trial(source, mutation, each)
            for each in itertools.count(seed)
            for source in sources
            for mutation in MUTATIONS
        ),
        count,
    )


class Bench:
    """Tries mutants in a directory of its own, and keeps what is heard of the whole files."""

    def __init__(self, directory: Path, *, with_others: bool) -> None:
        self._directory = directory
        self._with_others = with_others
        self._wholes: dict[str, HeardSweep] = {}
        self._numbers = itertools.count()
        self.ends: Counter[str] = Counter()

    async def findings(self, trial: Trial) -> list[Finding]:
        """All wrong ends of one mutant, the excused among them."""
        heard = await self._whole(trial.source)
        path = self._directory / f"{next(self._numbers)}.{trial.source}"
        path.write_bytes(trial.mutant())
        try:
            outcome = await convert(path)
            others = await asyncio.to_thread(hear_with_others, path) if self._with_others else {}
        finally:
            path.unlink()
        self.ends["refused" if outcome.error else "repaired" if outcome.repaired else "completed"] += 1
        return list(judge(trial, outcome, heard, others))

    async def _whole(self, source: str) -> HeardSweep:
        if source not in self._wholes:
            path = self._directory / f"whole.{next(self._numbers)}.{source}"
            path.write_bytes(whole(source))
            outcome = await convert(path)
            assert outcome.heard is not None, f"{source} is refused: {outcome.error}"
            self._wholes[source] = outcome.heard
        return self._wholes[source]


async def _run(all_trials: Iterator[Trial], bench: Bench) -> list[Finding]:
    found: list[Finding] = []

    async def work() -> None:
        for trial in all_trials:  # shared by the workers, so each trial is taken once
            for finding in await bench.findings(trial):
                found.append(finding)
                if not is_excused(finding):
                    sys.stdout.write(f"{finding}\n")
                    sys.stdout.flush()

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="put mutants of whole files through the worker's converter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("sources", nargs="*", default=list(SOURCES), help="such as plain.mp3; all by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        bench = Bench(Path(directory), with_others=not missing())
        drawn = trials(arguments.seed, arguments.count, arguments.sources)
        found = asyncio.run(_run(drawn, bench))
    unexcused = [finding for finding in found if not is_excused(finding)]
    sys.stdout.write(f"{bench.ends.total()} mutants: {dict(bench.ends)}\n")
    sys.stdout.write(f"{len(found) - len(unexcused)} wrong ends in named cases, {len(unexcused)} others\n")
    return 1 if unexcused else 0


if __name__ == "__main__":
    sys.exit(main())
