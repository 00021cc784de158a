"""The simulation of the queue: `python -m tests.simulation.queue_run --seeds 50000` (`make simulate-queue`)."""

from __future__ import annotations

import sys

from tests.simulation.queue_chronicle import explain
from tests.simulation.queue_schedule import make_schedule
from tests.simulation.queue_world import play
from tests.simulation.runner import Simulation, main


def fails(seed: int) -> bool:
    return play(make_schedule(seed)) is not None


def explain_seed(seed: int) -> str:
    return explain(make_schedule(seed))


QUEUE = Simulation("workers that share a queue", fails, explain_seed, seeds=50_000)

if __name__ == "__main__":
    sys.exit(main(QUEUE))
