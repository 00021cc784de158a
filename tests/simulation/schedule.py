"""What happens when, from a seed: a plain value that can be printed, and thinned out to find what matters in it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from worker.application.progress.failover import Mode

StoreName = Literal["redis", "table"]

WORKERS = ("w0", "w1")
READERS = ("r0", "r1")
_SECONDS_OF_TROUBLE = 4.0
_LONGEST_FAULT_SECONDS = 3.0
_ALL = 1000.0


class Named(Enum):
    """Shows itself as it is written in code, so that a schedule that is printed can be kept."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class Fault(Named):
    """What becomes of a call on a link that is at fault."""

    REFUSED = "refused"  # an error at once; not applied
    SILENT = "silent"  # no answer; not applied
    UNACKNOWLEDGED = "unacknowledged"  # applied, then an error
    LATE = "late"  # applied after the caller has given up: a ghost
    FROZEN = "frozen"  # applied and answered when the fault ends
    SLOW = "slow"  # applied at once, answered after up to half a second
    READONLY = "readonly"  # Redis: writes are a hard failure, reads are served
    FLAKY = "flaky"  # any of the above, or none, for each call


class Ending(Named):
    """How an attempt ends, if nothing else ends it."""

    COMPLETE = "complete"
    FAIL = "fail"  # for good
    RETRY = "retry"
    RELEASE = "release"  # without counting as an attempt
    VANISH = "vanish"  # stopped without a last word, as when its lease is lost


@dataclass(frozen=True, slots=True)
class LinkFault:
    """From `start` to `end`, each of `who` has this trouble with the store."""

    start: float
    end: float
    who: tuple[str, ...]
    store: StoreName
    fault: Fault

    def __str__(self) -> str:
        return f"{self.start:6.3f} to {self.end:6.3f}  {' '.join(self.who)} -> {self.store}: {self.fault.value}"


@dataclass(frozen=True, slots=True)
class RedisFailover:
    """Redis loses the writes of its last `lost_seconds`."""

    at: float
    lost_seconds: float

    def __str__(self) -> str:
        lost = "everything" if self.lost_seconds == _ALL else f"the writes of the last {self.lost_seconds:.3f} s"
        return f"{self.at:6.3f}  Redis loses {lost}"


@dataclass(frozen=True, slots=True)
class Crash:
    """The worker's process dies and another one takes its place."""

    at: float
    worker: str

    def __str__(self) -> str:
        return f"{self.at:6.3f}  {self.worker} crashes"


@dataclass(frozen=True, slots=True)
class Drain:
    """The worker gives back all that it runs, wherever that is."""

    at: float
    worker: str

    def __str__(self) -> str:
        return f"{self.at:6.3f}  {self.worker} gives back what it runs"


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Somebody asks for the job's end, over a reader's links."""

    at: float
    job: int

    def __str__(self) -> str:
        return f"{self.at:6.3f}  somebody cancels job {self.job}"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The job's message is delivered although it may be in the works elsewhere.

    With `is_tie` the fence is that of the delivery before: a second message of the same millisecond.
    """

    at: float
    job: int
    worker: str
    is_tie: bool

    def __str__(self) -> str:
        tie = ", with the fence of the last delivery" if self.is_tie else ""
        return f"{self.at:6.3f}  job {self.job} is delivered to {self.worker} as well{tie}"


@dataclass(frozen=True, slots=True)
class ReadAt:
    """A reader looks. `is_new_session`: it has forgotten what it has seen."""

    at: float
    reader: str
    job: int
    is_new_session: bool

    def __str__(self) -> str:
        session = " in a new session" if self.is_new_session else ""
        return f"{self.at:6.3f}  {self.reader} reads job {self.job}{session}"


@dataclass(frozen=True, slots=True)
class Watch:
    """A reader watches the job until it is final."""

    at: float
    reader: str
    job: int

    def __str__(self) -> str:
        return f"{self.at:6.3f}  {self.reader} watches job {self.job}"


Incident = LinkFault | RedisFailover | Crash | Drain | CancelRequest | Duplicate | ReadAt | Watch


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
class Schedule:
    """One run. `scripts` are those of each job's deliveries, in their order; later ones go well."""

    seed: int
    mode: Mode
    jobs: int
    is_submitted: bool  # there is a `queued` record, as `worker submit` leaves it
    scripts: tuple[tuple[Script, ...], ...]
    incidents: tuple[Incident, ...]

    def without(self, index: int) -> Schedule:
        """The same with one incident less."""
        return replace(self, incidents=self.incidents[:index] + self.incidents[index + 1 :])

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, mode {self.mode}"]
        for job, scripts in enumerate(self.scripts):
            lines += [f"  job {job}, delivery {number}: {script}" for number, script in enumerate(scripts, 1)]
        lines += [f"  {incident}" for incident in sorted(self.incidents, key=_when)]
        return "\n".join(lines)


def _when(incident: Incident) -> float:
    return incident.start if isinstance(incident, LinkFault) else incident.at


def generate(seed: int) -> Schedule:
    """The schedule of a seed; the same one each time."""
    rng = random.Random(seed)
    jobs = 1 if rng.random() < 0.75 else 2
    faults = [_link_fault(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    incidents: list[Incident] = [*faults]
    if rng.random() < 0.35:
        lost_seconds = _ALL if rng.random() < 0.3 else round(2.0 * rng.random() ** 2, 3)
        incidents.append(RedisFailover(_moment(rng), lost_seconds))
    if rng.random() < 0.25:
        incidents.append(Crash(_moment(rng), rng.choice(WORKERS)))
    if rng.random() < 0.15:
        incidents.append(Drain(_moment(rng), rng.choice(WORKERS)))
    if rng.random() < 0.1:
        incidents.append(CancelRequest(_moment(rng), rng.randrange(jobs)))
    incidents += [
        Duplicate(_moment(rng), rng.randrange(jobs), rng.choice(WORKERS), rng.random() < 0.15)
        for _ in range(rng.choice((0, 1, 1, 2)))
    ]
    incidents += [_read(rng, rng.choice(faults), rng.randrange(jobs)) for _ in range(rng.randrange(3, 8))]
    if rng.random() < 0.1:
        incidents.append(Watch(_moment(rng), "r0", rng.randrange(jobs)))
    return Schedule(
        seed,
        "failover" if rng.random() < 0.6 else "durable",
        jobs,
        rng.random() < 0.5,
        tuple(tuple(_script(rng) for _ in range(rng.choice((1, 2, 2, 3)))) for _ in range(jobs)),
        tuple(incidents),
    )


def _moment(rng: random.Random) -> float:
    return round(_SECONDS_OF_TROUBLE * rng.random(), 3)


def _read(rng: random.Random, fault: LinkFault, job: int) -> ReadAt:
    """Around a fault, where reads are worth their time."""
    at = max(fault.start - 0.5 + (fault.end - fault.start + 1) * rng.random(), 0.0)
    return ReadAt(round(at, 3), rng.choice(READERS), job, rng.random() < 0.25)


def _link_fault(rng: random.Random) -> LinkFault:
    store: StoreName = "redis" if rng.random() < 0.65 else "table"
    dice = rng.random()
    if dice < 0.35:
        who: tuple[str, ...] = WORKERS + READERS
    elif dice < 0.5:
        who = WORKERS
    else:
        who = (rng.choice(WORKERS + READERS),)
    fault = rng.choice(_FAULTS if store == "redis" else _TABLE_FAULTS)
    start = _moment(rng)
    end = start + 0.05 + _LONGEST_FAULT_SECONDS * rng.random() ** 2
    return LinkFault(start, round(end, 3), who, store, fault)


_FAULTS = (*Fault, Fault.FLAKY)
_TABLE_FAULTS = tuple(fault for fault in _FAULTS if fault is not Fault.READONLY)


def _script(rng: random.Random) -> Script:
    steps = []
    percent = 0.0
    for _ in range(rng.randrange(1, 5)):
        percent += (99 - percent) * rng.random()
        steps.append((round(0.1 + 0.9 * rng.random(), 3), round(percent, 1)))
    return Script(tuple(steps), rng.choice(_ENDINGS))


_ENDINGS = (*Ending, Ending.COMPLETE, Ending.COMPLETE, Ending.COMPLETE, Ending.COMPLETE)
