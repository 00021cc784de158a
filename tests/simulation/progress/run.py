"""The simulation of progress: `python -m tests.simulation.progress.run --seeds 100000` (`make simulate SEEDS=...`)."""

from __future__ import annotations

import sys

from tests.simulation.core.runner import main
from tests.simulation.core.simulation import Simulation
from tests.simulation.progress.drawing import generate
from tests.simulation.progress.invariants import Checker
from tests.simulation.progress.world import World

PROGRESS = Simulation(
    "the progress code", generate, World, Checker, "tests/simulation/progress/regressions.py", seeds=100_000
)

if __name__ == "__main__":
    sys.exit(main(PROGRESS))
