"""The simulation of progress: `python -m tests.simulation.run --seeds 100000` (`make simulate SEEDS=...`)."""

from __future__ import annotations

import sys

from tests.simulation.chronicle import explain
from tests.simulation.runner import Simulation, main
from tests.simulation.schedule import generate
from tests.simulation.world import Parts, play


def fails(seed: int, parts: Parts | None = None) -> bool:
    return play(generate(seed), parts) is not None


def explain_seed(seed: int) -> str:
    return explain(generate(seed))


PROGRESS = Simulation("the progress code", fails, explain_seed)

if __name__ == "__main__":
    sys.exit(main(PROGRESS))
