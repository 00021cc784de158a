"""What happens in a run of the progress simulation, from a seed.

An incident is declared once: its fields, what it does to the world, and how it is printed. `generate` draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tests.simulation.core.schedule import BaseSchedule, Moment
from worker.application.progress.guarded_cache import Mode

if TYPE_CHECKING:
    from tests.simulation.progress.world import World

WORKERS = ("w0", "w1")
READERS = ("r0", "r1")
ALL = 1000.0


class Ending(Enum):
    """How an attempt ends, if nothing else ends it."""

    COMPLETE = "complete"
    FAIL = "fail"  # permanently
    RETRY = "retry"
    RELEASE = "release"  # does not count as an attempt
    VANISH = "vanish"  # stopped without a final write, as when its lease is lost

    def __repr__(self) -> str:
        """As code, so that a schedule that is printed can be kept."""
        return f"{type(self).__name__}.{self.name}"


@dataclass(frozen=True, slots=True)
class RedisFailover(Moment):
    """Redis loses the writes of its last `lost_seconds`."""

    lost_seconds: float

    def happen(self, world: World) -> None:
        world.redis.fail_over(self.lost_seconds)

    def __str__(self) -> str:
        lost = "everything" if self.lost_seconds == ALL else f"the writes of the last {self.lost_seconds:.3f} s"
        return f"{self.at:6.3f}  Redis loses {lost}"


@dataclass(frozen=True, slots=True)
class Crash(Moment):
    """The worker's process dies and another one takes its place."""

    worker: str

    def happen(self, world: World) -> None:
        world.replace_worker(self.worker)

    def __str__(self) -> str:
        return f"{self.at:6.3f}  {self.worker} crashes"


@dataclass(frozen=True, slots=True)
class Drain(Moment):
    """The worker releases all jobs that it runs, at whatever stage they are."""

    worker: str

    def happen(self, world: World) -> None:
        world.workers[self.worker].drain()

    def __str__(self) -> str:
        return f"{self.at:6.3f}  {self.worker} releases what it runs"


@dataclass(frozen=True, slots=True)
class CancelRequest(Moment):
    """A reader asks for the job's cancellation."""

    job: int

    def happen(self, world: World) -> None:
        world.cancel(READERS[1], self.job)

    def __str__(self) -> str:
        return f"{self.at:6.3f}  {READERS[1]} cancels job {self.job}"


@dataclass(frozen=True, slots=True)
class Duplicate(Moment):
    """The job's message is delivered although another worker may be running the job.

    With `is_tie` the fence is that of the delivery before: a second message of the same millisecond.
    """

    job: int
    worker: str
    is_tie: bool

    def happen(self, world: World) -> None:
        world.messages[self.job].deliver(self.worker, self.is_tie)

    def __str__(self) -> str:
        tie = ", with the fence of the last delivery" if self.is_tie else ""
        return f"{self.at:6.3f}  job {self.job} is delivered to {self.worker} as well{tie}"


@dataclass(frozen=True, slots=True)
class RunAgain(Moment):
    """The job's newest dead letter, if it has one, is moved back to the queue; a copy stays."""

    job: int
    worker: str

    def happen(self, world: World) -> None:
        world.messages[self.job].send_back(self.worker)

    def __str__(self) -> str:
        return f"{self.at:6.3f}  the dead letter of job {self.job} comes to {self.worker}"


@dataclass(frozen=True, slots=True)
class Retry(Moment):
    """A reader asks for a new run of the job."""

    job: int

    def happen(self, world: World) -> None:
        world.retry(READERS[1], self.job)

    def __str__(self) -> str:
        return f"{self.at:6.3f}  {READERS[1]} retries job {self.job}"


@dataclass(frozen=True, slots=True)
class Watch(Moment):
    """A reader watches the job until it is final."""

    reader: str
    job: int

    def happen(self, world: World) -> None:
        world.watch(self.reader, self.job)

    def __str__(self) -> str:
        return f"{self.at:6.3f}  {self.reader} watches job {self.job}"


Event = RedisFailover | Crash | Drain | CancelRequest | Duplicate | RunAgain | Retry | Watch


@dataclass(frozen=True, slots=True)
class ReadAt(Moment):
    """A reader reads. `is_new_session`: it has forgotten what it has seen."""

    reader: str
    job: int
    is_new_session: bool

    def __str__(self) -> str:
        session = " in a new session" if self.is_new_session else ""
        return f"{self.at:6.3f}  {self.reader} reads job {self.job}{session}"


@dataclass(frozen=True, slots=True)
class Script:
    """What one attempt does: steps of (seconds, percent), then its end."""

    steps: tuple[tuple[float, float], ...]
    ending: Ending

    def __str__(self) -> str:
        steps = ", ".join(f"{percent:.0f} % after {seconds:.2f} s" for seconds, percent in self.steps)
        return f"{steps}, then {self.ending.value}"


WELL = Script(((0.3, 50.0),), Ending.COMPLETE)


@dataclass(frozen=True, slots=True)
class Schedule(BaseSchedule):
    """One run. `scripts` are those of each job's deliveries, in their order; later deliveries go well."""

    mode: Mode
    jobs: int
    is_submitted: bool  # there is a `queued` record, as `worker submit` writes it
    scripts: tuple[tuple[Script, ...], ...]

    @property
    def events(self) -> list[Event]:
        return [each for each in self.incidents if isinstance(each, Event)]

    @property
    def has_cancel(self) -> bool:
        return any(isinstance(each, CancelRequest) for each in self.incidents)

    def reads(self, reader: str) -> list[ReadAt]:
        """The reads of that reader, in the order of time."""
        reads = [each for each in self.incidents if isinstance(each, ReadAt) and each.reader == reader]
        return sorted(reads, key=lambda each: each.at)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, mode {self.mode}"]
        for job, scripts in enumerate(self.scripts):
            lines += [f"  job {job}, delivery {number}: {script}" for number, script in enumerate(scripts, 1)]
        return "\n".join([*lines, *self.lines()])
