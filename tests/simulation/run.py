"""Plays many schedules on all cores: `python -m tests.simulation.run --seeds 100000` (`make simulate SEEDS=...`)."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable

from tests.simulation.report import explain
from tests.simulation.schedule import generate
from tests.simulation.world import Parts, play

_SEEDS_AT_ONCE = 250
_COLLECT_EVERY = 50


def first_failure(seeds: Iterable[int], parts: Parts | None = None) -> int | None:
    """The first of the seeds whose schedule breaks an invariant."""
    gc.collect()
    gc.freeze()  # what is there now is no garbage of a run
    gc.disable()
    try:
        for number, seed in enumerate(seeds):
            if play(generate(seed), parts) is not None:
                return seed
            if number % _COLLECT_EVERY == 0:
                gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return None


def simulate(first: int, seeds: int, *, processes: int, deadline: float = float("inf")) -> tuple[int, int | None]:
    """Play the schedules of `seeds` seeds from `first` on, in processes of their own.

    Returns how many were played, and the first that was found to fail. It ends at the first failure, or when the
    monotonic clock passes `deadline`.
    """
    blocks = [
        range(start, min(start + _SEEDS_AT_ONCE, first + seeds))
        for start in range(first, first + seeds, _SEEDS_AT_ONCE)
    ]
    played = 0
    # A fork of a process that has threads may hang: start afresh.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for block, failure in zip(blocks, pool.imap(first_failure, blocks), strict=True):
            if failure is not None:
                return played + failure - block.start + 1, failure
            played += len(block)
            if time.monotonic() > deadline:
                break
        pool.terminate()
    return played, None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Play schedules of faults against the progress code.")
    parser.add_argument("--seeds", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    began_at = time.monotonic()
    played, failure = simulate(options.first, options.seeds, processes=options.processes)
    seconds = time.monotonic() - began_at
    if failure is not None:
        sys.stdout.write(f"{explain(generate(failure))}\n")
        return 1
    sys.stdout.write(f"{played} schedules in {seconds:.1f} s ({played / seconds:.0f} a second): no invariant broken\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
