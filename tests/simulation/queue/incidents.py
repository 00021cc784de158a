"""What happens to workers and jobs in a run of the queue simulation, beside the faults of their connections.

An incident is declared once: its fields, how it is drawn, and what it does to the world.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from tests.simulation.core.schedule import Moment
from tests.simulation.queue.link_faults import moment

if TYPE_CHECKING:
    from tests.simulation.queue.worker import Worker
    from tests.simulation.queue.world import World

LEASE_SECONDS = 12.0
# A worker that is held for no longer at a time keeps its leases: it renews them at a third, and has a third of their
# length to do so before the margin at their end.
LONGEST_HOLD_SECONDS = LEASE_SECONDS / 6
_BREATH_SECONDS = 0.1  # between two holds


@dataclass(frozen=True, slots=True)
class WorkerIncident(Moment):
    """Happens to the worker that is at this place at that time."""

    worker: int

    @classmethod
    def drawn(cls, dice: random.Random, workers: int, jobs: int) -> Self:
        return cls(moment(dice), dice.randrange(workers))

    def concerns(self, whom: int) -> bool:
        return self.worker == whom


@dataclass(frozen=True, slots=True)
class JobIncident(Moment):
    """Happens to a job."""

    job: int

    @classmethod
    def drawn(cls, dice: random.Random, workers: int, jobs: int) -> Self:
        return cls(moment(dice), dice.randrange(jobs))

    def concerns(self, whom: int) -> bool:
        return self.job == whom


@dataclass(frozen=True, slots=True)
class Kill(WorkerIncident):
    """Its process is killed, and another one takes its place."""

    def happen(self, world: World) -> None:
        world.workers[self.worker].kill()


@dataclass(frozen=True, slots=True)
class Drain(WorkerIncident):
    """It is asked to stop, as by SIGTERM."""

    def happen(self, world: World) -> None:
        world.workers[self.worker].drain()


@dataclass(frozen=True, slots=True)
class Freeze(WorkerIncident):
    """It does nothing for so many seconds, as after SIGSTOP."""

    seconds: float

    @classmethod
    def drawn(cls, dice: random.Random, workers: int, jobs: int) -> Self:
        return cls(moment(dice), dice.randrange(workers), dice.choice((2.0, 14.0, 20.0)))

    @property
    def end(self) -> float:
        return self.at + self.seconds

    @property
    def may_cost_leases(self) -> bool:
        """Whether renewals may come too late."""
        return self.seconds > LONGEST_HOLD_SECONDS

    def happen(self, world: World) -> None:
        worker = world.workers[self.worker]
        worker.freeze()
        world.loop.call_later(self.seconds, worker.thaw)


@dataclass(frozen=True, slots=True)
class Starvation(WorkerIncident):
    """For `seconds` it gets too little of the CPU: its loop is held again and again, for `hold` seconds each time."""

    seconds: float
    hold: float

    @classmethod
    def drawn(cls, dice: random.Random, workers: int, jobs: int) -> Self:
        return cls(
            moment(dice), dice.randrange(workers), dice.choice((10.0, 30.0)), dice.choice((0.5, 1.5, 5.0, 14.0))
        )

    @property
    def end(self) -> float:
        return self.at + self.seconds + self.hold

    @property
    def may_cost_leases(self) -> bool:
        """Whether renewals may come too late."""
        return self.hold > LONGEST_HOLD_SECONDS

    def happen(self, world: World) -> None:
        self._hold(world, world.loop.now + self.seconds)

    def _hold(self, world: World, until: float) -> None:
        worker = world.workers[self.worker]
        worker.freeze()
        world.loop.call_later(self.hold, self._let_go, world, worker, until)

    def _let_go(self, world: World, worker: Worker, until: float) -> None:
        worker.thaw()
        if world.loop.now < until:
            world.loop.call_later(_BREATH_SECONDS, self._hold, world, until)


@dataclass(frozen=True, slots=True)
class ClockJump(WorkerIncident):
    """Its wall clock jumps by so many seconds."""

    seconds: float

    @classmethod
    def drawn(cls, dice: random.Random, workers: int, jobs: int) -> Self:
        return cls(moment(dice), dice.randrange(workers), dice.choice((-3600.0, -20.0, -3.0, 3.0, 20.0, 3600.0)))

    def happen(self, world: World) -> None:
        world.workers[self.worker].skew += timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class SendAgain(JobIncident):
    """A second message of the job is sent."""

    def happen(self, world: World) -> None:
        world.send(self.job)


@dataclass(frozen=True, slots=True)
class Redelivery(JobIncident):
    """The job's message is delivered although a worker holds it, as a standard queue may."""

    def happen(self, world: World) -> None:
        world.deliver_again(self.job)


@dataclass(frozen=True, slots=True)
class CancelRequest(JobIncident):
    """Somebody asks for the job's cancellation."""

    def happen(self, world: World) -> None:
        world.cancel(self.job)


@dataclass(frozen=True, slots=True)
class ComeBack(JobIncident):
    """The job's newest dead letter, if it has one, is moved back to the queue; a copy stays."""

    def happen(self, world: World) -> None:
        world.send_back(self.job)


@dataclass(frozen=True, slots=True)
class RetryRequest(JobIncident):
    """Somebody asks for a new run of the job."""

    def happen(self, world: World) -> None:
        world.retry(self.job)


OfWorkers = Kill | Drain | Freeze | Starvation | ClockJump
OfJobs = SendAgain | Redelivery | CancelRequest | ComeBack | RetryRequest
Incident = OfWorkers | OfJobs
