"""The simulation of the queue: `python -m tests.simulation.queue.run --seeds 50000` (`make simulate-queue`)."""

from __future__ import annotations

import sys

from tests.simulation.core.runner import main
from tests.simulation.core.simulation import Simulation
from tests.simulation.queue.drawing import make_schedule
from tests.simulation.queue.invariants import Checker
from tests.simulation.queue.world import World

QUEUE = Simulation(
    "workers that share a queue", make_schedule, World, Checker, "tests/simulation/queue/regressions.py", seeds=50_000
)

if __name__ == "__main__":
    sys.exit(main(QUEUE))
