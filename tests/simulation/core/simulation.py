"""A simulation: schedules from seeds, the worlds in which they are played, and the explanation of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.simulation.core.checker import BaseChecker, ViolationError, tracing
from tests.simulation.core.schedule import BaseSchedule
from tests.simulation.core.world import BaseWorld

S = TypeVar("S", bound=BaseSchedule)


@dataclass(frozen=True, slots=True)
class Simulation(Generic[S]):
    """Its functions and classes are those of a module, so that other processes can import them."""

    subject: str  # what is tested
    generate: Callable[[int], S]
    world: Callable[[S, type[Any]], BaseWorld[S, Any]]
    checker: type[BaseChecker]
    regressions: str  # the file of schedules that once failed
    seeds: int  # that are played by default

    def play(self, schedule: S) -> ViolationError | None:
        """The violation that ended the run of the schedule, if one did."""
        return self.world(schedule, self.checker).run()

    def fails(self, seed: int) -> bool:
        return self.play(self.generate(seed)) is not None

    def shrink(self, schedule: S) -> S:
        """The schedule without each incident that is not needed for it to fail; unchanged if it does not fail."""
        for index in reversed(range(len(schedule.incidents))):
            smaller = schedule.without(index)
            if self.play(smaller) is not None:
                schedule = smaller
        return schedule

    def explain(self, schedule: S) -> str:
        """Why the schedule fails: the smallest schedule that does, the trace of its run, and the violation."""
        smallest = self.shrink(schedule)
        world = self.world(smallest, tracing(self.checker))
        violation = world.run()
        return "\n".join(
            [
                str(smallest),
                "what happened:",
                *world.checker.lines,
                f"violated: {violation}",
                f"to keep it, in {self.regressions}:",
                repr(smallest),
            ]
        )
