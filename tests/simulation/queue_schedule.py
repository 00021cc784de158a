"""What befalls workers that share a queue: a value from a seed, printed and thinned out where it shows a fault."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

LEASE_SECONDS = 12.0
_SPAN_SECONDS = 25.0  # in which faults and incidents begin


@dataclass(frozen=True, slots=True)
class Script:
    """One job and how its attempts go: a word for each, the last for all that follow.

    `well`, `fail` (for good), `stumble` (a passing error), `crash` (takes its worker with it), `hang`.
    """

    arrives_at: float
    seconds: float  # that it takes
    attempts: tuple[str, ...] = ("well",)
    is_readable: bool = True
    is_submitted: bool = False  # there is a `queued` record, as `worker submit` leaves it
    group: str | None = None  # of a FIFO queue

    def attempt(self, number: int) -> str:
        return self.attempts[min(number, len(self.attempts)) - 1]

    @property
    def goes_well(self) -> bool:
        return set(self.attempts) == {"well"}


@dataclass(frozen=True, slots=True)
class Weather:
    """From `start` to `end` each call of `worker` (None: of all) to `what` meets the fault with this probability."""

    start: float
    end: float
    what: str  # queue, table, redis
    fault: str  # refused (throttled, too), lost (the answer alone), hang, slow, partial
    worker: int | None
    probability: float

    def hinders(self, place: int) -> bool:
        """Whether that worker cannot ask DynamoDB."""
        return self.what == "table" and self.worker in {None, place}


@dataclass(frozen=True, slots=True)
class Incident:
    """What happens `at` a moment, and to whom.

    To a worker: `kill`, `drain`, `freeze` for `amount` seconds, `jump` of the wall clock by it. To a job: `duplicate`
    (its message is delivered although it is held), `again` (it is sent a second time), `cancel`.
    """

    at: float
    kind: str
    whom: int
    amount: float = 0.0

    @property
    def start(self) -> float:
        return self.at

    @property
    def end(self) -> float:
        return self.at + max(self.amount, 0.0)

    def hinders(self, place: int) -> bool:
        """Whether that worker cannot ask anybody."""
        return self.kind == "freeze" and self.whom == place


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run."""

    seed: int
    workers: int
    scripts: tuple[Script, ...]
    incidents: tuple[Weather | Incident, ...]
    in_flight_limit: int | None = None

    @property
    def weather(self) -> list[Weather]:
        return [each for each in self.incidents if isinstance(each, Weather)]

    @property
    def events(self) -> list[Incident]:
        return [each for each in self.incidents if isinstance(each, Incident)]

    @property
    def calm_at(self) -> float:
        """When the last fault is over and the last job is there, in seconds from the beginning."""
        ends = [each.end for each in self.incidents]
        return max([*ends, *(script.arrives_at for script in self.scripts)])

    def has(self, kind: str, whom: int | None = None) -> bool:
        """Whether there is such an event; with `whom`, whether it happens to that one."""
        return any(each.kind == kind and whom in {None, each.whom} for each in self.events)

    def is_hindered(self, place: int, since: float, until: float) -> bool:
        """Whether something may keep the worker from asking DynamoDB in that time."""
        return any(each.start <= until and since <= each.end for each in self.incidents if each.hinders(place))

    def without(self, index: int) -> Schedule:
        """The same with one incident less."""
        return replace(self, incidents=self.incidents[:index] + self.incidents[index + 1 :])

    def __str__(self) -> str:
        parts = [*self.scripts, *sorted(self.incidents, key=lambda each: each.start)]
        about = f"seed {self.seed}, {self.workers} workers, in-flight limit {self.in_flight_limit}"
        return "\n".join([about, *(f"  {part}" for part in parts)])


_FAULTS = {
    "queue": ("refused", "lost", "hang", "slow", "partial"),
    "table": ("refused", "lost", "hang", "slow"),
    "redis": ("refused", "lost", "hang"),
}

_KINDS_OF_FIFO = ("kill", "drain", "freeze", "jump", "again", "cancel", "cancel")
_KINDS = (*_KINDS_OF_FIFO, "duplicate", "duplicate")  # a FIFO queue hands out no message that is held


def make_schedule(seed: int) -> Schedule:
    """The schedule of a seed; the same one each time."""
    dice = random.Random(seed)
    workers = dice.choice((2, 2, 3))
    groups: tuple[str | None, ...] = ("a", "a", "b") if dice.random() < 0.3 else (None,)
    scripts = tuple(_script(dice, dice.choice(groups)) for _ in range(dice.choice((2, 2, 3, 4))))
    kinds = _KINDS if groups == (None,) else _KINDS_OF_FIFO
    return Schedule(
        seed,
        workers,
        scripts,
        (
            *(_weather(dice, workers) for _ in range(dice.choice((0, 1, 1, 2, 3)))),
            *(_incident(dice, dice.choice(kinds), workers, len(scripts)) for _ in range(dice.choice((0, 1, 2, 2, 3)))),
        ),
        dice.choice((None, None, None, 2)),
    )


def _script(dice: random.Random, group: str | None) -> Script:
    attempts = dice.choices(("well", "stumble", "hang", "fail", "crash"), (12, 2, 1, 1, 1), k=3)
    return Script(
        round(dice.uniform(0, 10), 2),
        round(dice.choice((0.3, 2.0, 5.0, 12.0)) * dice.uniform(0.5, 1.5), 2),
        tuple(attempts) if dice.random() < 0.5 else ("well",),
        is_readable=dice.random() < 0.95,
        is_submitted=dice.random() < 0.4,
        group=group,
    )


def _weather(dice: random.Random, workers: int) -> Weather:
    what = dice.choice(("queue", "queue", "table", "redis"))
    start = _moment(dice)
    return Weather(
        start,
        round(start + dice.choice((1.0, 8.0, 20.0)) * dice.uniform(0.2, 1.2), 2),
        what,
        dice.choice(_FAULTS[what]),
        dice.choice((None, *range(workers))),
        dice.choice((0.3, 1.0)),
    )


def _incident(dice: random.Random, kind: str, workers: int, jobs: int) -> Incident:
    whom = dice.randrange(jobs if kind in {"duplicate", "again", "cancel"} else workers)
    amount = {"freeze": dice.choice((2.0, 14.0, 20.0)), "jump": dice.choice((-20.0, -3.0, 3.0, 20.0))}.get(kind, 0.0)
    return Incident(_moment(dice), kind, whom, amount)


def _moment(dice: random.Random) -> float:
    return round(dice.uniform(0, _SPAN_SECONDS), 2)
