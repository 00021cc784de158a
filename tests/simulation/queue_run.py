"""Plays many schedules on all cores: `python -m tests.simulation.queue_run --seeds 10000` (`make simulate-queue`)."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable

from tests.simulation.queue_schedule import make_schedule
from tests.simulation.queue_world import play

_SEEDS_AT_ONCE = 25
_COLLECT_EVERY = 25


def first_failure(seeds: Iterable[int]) -> str | None:
    """What the first of the seeds does that breaks an invariant, told in full."""
    gc.collect()
    gc.freeze()  # what is there now is no garbage of a run
    gc.disable()
    try:
        for number, seed in enumerate(seeds):
            if (failure := play(make_schedule(seed))) is not None:
                return failure
            if number % _COLLECT_EVERY == 0:
                gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return None


def simulate(first: int, seeds: int, *, processes: int, deadline: float = float("inf")) -> tuple[int, str | None]:
    """Play the schedules of `seeds` seeds from `first` on, in processes of their own.

    Returns how many were played well, and the account of the first that was found to fail. It ends there, or when the
    monotonic clock passes `deadline`.
    """
    end = first + seeds
    blocks = [range(start, min(start + _SEEDS_AT_ONCE, end)) for start in range(first, end, _SEEDS_AT_ONCE)]
    played = 0
    # A fork of a process that has threads may hang: start afresh.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for block, failure in zip(blocks, pool.imap(first_failure, blocks), strict=True):
            if failure is not None:
                return played, failure
            played += len(block)
            if time.monotonic() > deadline:
                break
        pool.terminate()
    return played, None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Play schedules of faults against workers that share a queue.")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many (default 10000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    began_at = time.monotonic()
    played, failure = simulate(options.first, options.seeds, processes=options.processes)
    seconds = time.monotonic() - began_at
    if failure is not None:
        sys.stdout.write(f"{failure}\n")
        return 1
    sys.stdout.write(f"{played} schedules in {seconds:.1f} s ({played / seconds:.0f} a second): no invariant broken\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
