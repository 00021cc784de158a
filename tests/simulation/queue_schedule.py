"""What befalls workers that share a queue: from a seed, and printed where it shows a fault."""

from __future__ import annotations

import random
from dataclasses import dataclass

WORKERS = 3
LEASE_SECONDS = 12.0
_SPAN_SECONDS = 40.0  # in which faults and incidents begin


@dataclass(frozen=True, slots=True)
class Script:
    """How one job's attempts go: a word for each, the last for all that follow.

    `well`, `fail` (for good), `stumble` (a passing error), `crash` (takes its worker with it), `hang`.
    """

    arrives_at: float
    seconds: float  # that it takes
    attempts: tuple[str, ...]
    is_readable: bool = True

    def attempt(self, number: int) -> str:
        return self.attempts[min(number, len(self.attempts)) - 1]


@dataclass(frozen=True, slots=True)
class Weather:
    """From `start` to `end` each call of `worker` (None: of all) to `what` meets the fault with this probability."""

    start: float
    end: float
    what: str  # queue, ledger, redis
    fault: str  # refused, lost, hang, slow, partial
    worker: int | None
    probability: float


@dataclass(frozen=True, slots=True)
class Incident:
    """`kill`, `drain`, `freeze` for `amount` seconds, wall clock `jump` by it; `duplicate` of a job's message."""

    at: float
    kind: str
    whom: int
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run."""

    seed: int
    scripts: tuple[Script, ...]
    weather: tuple[Weather, ...]
    incidents: tuple[Incident, ...]
    in_flight_limit: int | None

    @property
    def calm_at(self) -> float:
        """When the last fault is over, in seconds from the beginning."""
        ends = [each.end for each in self.weather]
        ends += [each.at + max(each.amount, 0.0) for each in self.incidents]
        ends += [script.arrives_at for script in self.scripts]
        return max(ends)

    def __str__(self) -> str:
        parts = [*self.scripts, *self.weather, *sorted(self.incidents, key=lambda each: each.at)]
        return "\n".join([f"seed {self.seed}, in-flight limit {self.in_flight_limit}", *(f"  {x}" for x in parts)])


_FAULTS = {
    "queue": ("refused", "lost", "hang", "slow", "partial"),
    "ledger": ("refused", "lost", "hang", "slow"),
    "redis": ("refused", "lost", "hang"),
}


def make_schedule(seed: int) -> Schedule:
    dice = random.Random(seed)
    return Schedule(
        seed,
        tuple(_script(dice) for _ in range(dice.randint(2, 5))),
        tuple(_weather(dice) for _ in range(dice.randint(0, 4))),
        tuple(_incident(dice) for _ in range(dice.randint(0, 4))),
        dice.choice((None, None, None, 2)),
    )


def _script(dice: random.Random) -> Script:
    attempts = dice.choices(("well", "stumble", "hang", "fail", "crash"), (12, 2, 1, 1, 1), k=3)
    return Script(
        round(dice.uniform(0, 15), 2),
        round(dice.choice((0.3, 2.0, 8.0, 20.0)) * dice.uniform(0.5, 1.5), 2),
        tuple(attempts) if dice.random() < 0.5 else ("well",),
        is_readable=dice.random() < 0.95,
    )


def _weather(dice: random.Random) -> Weather:
    what = dice.choice(("queue", "queue", "ledger", "redis"))
    start = round(dice.uniform(0, _SPAN_SECONDS), 2)
    return Weather(
        start,
        round(start + dice.choice((1.0, 8.0, 30.0)) * dice.uniform(0.2, 1.2), 2),
        what,
        dice.choice(_FAULTS[what]),
        dice.choice((None, *range(WORKERS))),
        dice.choice((0.3, 1.0)),
    )


def _incident(dice: random.Random) -> Incident:
    kind = dice.choice(("kill", "drain", "freeze", "jump", "duplicate"))
    amount = {"freeze": dice.choice((2.0, 14.0, 30.0)), "jump": dice.choice((-20.0, -3.0, 3.0, 20.0))}.get(kind, 0.0)
    return Incident(round(dice.uniform(0, _SPAN_SECONDS), 2), kind, dice.randrange(WORKERS), amount)
