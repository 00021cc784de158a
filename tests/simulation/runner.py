"""Plays the schedules of many seeds on all cores, and tells of the first that breaks an invariant."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

_SEEDS_AT_ONCE = 250
_COLLECT_EVERY = 5  # often: what has just been used is still in the caches


@dataclass(frozen=True, slots=True)
class Simulation:
    """What can be played. Its functions are those of a module, so that processes of their own find them."""

    of: str  # what is put to the test
    fails: Callable[[int], bool]  # plays the schedule of a seed
    explain: Callable[[int], str]  # tells why that of a seed fails
    seeds: int = 100_000


def first_failure(fails: Callable[[int], bool], seeds: Iterable[int]) -> int | None:
    """The first of the seeds whose schedule breaks an invariant."""
    gc.collect()
    gc.freeze()  # what is there now is no garbage of a run
    gc.disable()
    try:
        for number, seed in enumerate(seeds):
            if fails(seed):
                return seed
            if number % _COLLECT_EVERY == 0:
                gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return None


def simulate(
    simulation: Simulation, first: int, seeds: int, *, processes: int, deadline: float = float("inf")
) -> tuple[int, int | None]:
    """Play the schedules of `seeds` seeds from `first` on, in processes of their own.

    Returns how many were played, and the first that was found to fail. It ends at the first failure, or when the
    monotonic clock passes `deadline`.
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
            if time.monotonic() > deadline:
                break
        pool.terminate()
    return played, None


def main(simulation: Simulation, arguments: list[str] | None = None) -> int:
    """The command of a simulation. Returns its exit code."""
    parser = argparse.ArgumentParser(description=f"Play schedules of faults against {simulation.of}.")
    parser.add_argument("--seeds", type=int, default=simulation.seeds, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    began_at = time.monotonic()
    played, failure = simulate(simulation, options.first, options.seeds, processes=options.processes)
    seconds = time.monotonic() - began_at
    if failure is not None:
        sys.stdout.write(f"{simulation.explain(failure)}\n")
        return 1
    sys.stdout.write(f"{played} schedules in {seconds:.1f} s ({played / seconds:.0f} a second): no invariant broken\n")
    return 0
