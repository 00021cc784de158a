"""Plays the schedules of many seeds on all cores, and explains the first one that breaks an invariant."""

from __future__ import annotations

import argparse
import gc
import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from tests.simulation.core.simulation import Simulation

_SEEDS_AT_ONCE = 250


def first_failure(fails: Callable[[int], bool], seeds: Iterable[int]) -> int | None:
    """The first of the seeds whose schedule breaks an invariant; None if there is none."""
    gc.freeze()  # nothing that exists now is garbage of a run
    gc.disable()
    try:
        for seed in seeds:
            if fails(seed):
                return seed
            # While the garbage of the run is in the processor's caches: later takes four times as long.
            gc.collect(0)
    finally:
        gc.enable()
        gc.unfreeze()
    return None


def known_first(seed: int, seeds: int) -> Iterable[int]:
    """The first `seeds` seeds, and before them the one that has been seen to fail.

    The others are needed where the code or the drawing has changed since.
    """
    return itertools.chain([seed], range(seeds))


def simulate(simulation: Simulation[Any], first: int, seeds: int, *, processes: int) -> tuple[int, int | None]:
    """Play the schedules of `seeds` seeds from `first` on, in processes of their own.

    Returns how many were played, and the first that was found to fail. It ends at the first failure.
    """
    end = first + seeds
    blocks = [range(start, min(start + _SEEDS_AT_ONCE, end)) for start in range(first, end, _SEEDS_AT_ONCE)]
    played = 0
    # A fork of a process that has threads may hang: start afresh.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        failures = pool.imap(partial(first_failure, simulation.fails), blocks)
        for block, failure in zip(blocks, failures, strict=True):
            if failure is not None:
                return played + failure - block.start + 1, failure
            played += len(block)
    return played, None


def main(simulation: Simulation[Any], arguments: list[str] | None = None) -> int:
    """The command of a simulation. Returns its exit code."""
    parser = argparse.ArgumentParser(description=f"Play schedules of faults against {simulation.subject}.")
    parser.add_argument("--seeds", type=int, default=simulation.seeds, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    began_at = time.monotonic()
    played, failure = simulate(simulation, options.first, options.seeds, processes=options.processes)
    seconds = time.monotonic() - began_at
    if failure is not None:
        sys.stdout.write(f"{simulation.explain(simulation.generate(failure))}\n")
        return 1
    sys.stdout.write(f"{played} schedules in {seconds:.1f} s ({played / seconds:.0f} a second): no invariant broken\n")
    return 0
