"""The plan of a chaos run, from a seed: jobs, poison messages, and disturbances of workers, Redis and AWS."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

WORKERS = 3
LEASE_SECONDS = 6

# Mostly short, as in a queue of voice messages. The long ones make it likely that a killed worker loses one.
_LENGTHS = (1,) * 12 + (2, 3, 5) * 4 + (15, 60) * 2 + (180, 600)
_LONG_SECONDS = 180
_FORMATS = ("mp3", "flac", "wav", "m4a", "ogg", "opus")
LENGTHS = sorted(set(_LENGTHS))


@dataclass(frozen=True)
class Output:
    """An output of a job. `sample_rate_hz` None: the sample rate of the source."""

    key: str
    format: str
    sample_rate_hz: int | None = None


@dataclass(frozen=True)
class Job:
    """A job that must complete; its source lasts `seconds`."""

    job_id: str
    seconds: int
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class Poison:
    """A message that must end in the dead-letter queue; `job_id` is None where it cannot be read."""

    body: str
    job_id: str | None


@dataclass(frozen=True)
class Disturbance:
    """`kill`, `stop` and `freeze` are of one worker; `redis`, `cut` and `slow` concern all of them."""

    at: float
    kind: str
    worker: int | None
    seconds: float

    def __str__(self) -> str:
        whom = "" if self.worker is None else f" worker {self.worker}"
        length = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {self.kind}{whom}{length}"


@dataclass(frozen=True)
class Plan:
    """A whole run. A failing run prints it."""

    seed: int
    jobs: tuple[Job, ...]
    poison: tuple[Poison, ...]
    disturbances: tuple[Disturbance, ...]

    def __str__(self) -> str:
        head = f"seed {self.seed}: {len(self.jobs)} jobs, {len(self.poison)} poison messages"
        return "\n".join([head, *map(str, self.disturbances)])


def make_plan(seed: int, *, seconds: float, jobs: int, sources: str, targets: str) -> Plan:
    """A plan whose last disturbance begins before `seconds` have passed."""
    dice = random.Random(seed)
    return Plan(
        seed,
        tuple(_job(dice, number) for number in range(jobs)),
        tuple(_poison(dice, number, sources, targets) for number in range(max(6, jobs // 12))),
        tuple(_disturbances(dice, seconds)),
    )


def source_key(seconds: int) -> str:
    return f"{seconds} s.wav"


def _job(dice: random.Random, number: int) -> Job:
    job_id = f"job-{number}"
    # The first is long enough for a multipart upload, whatever the seed.
    seconds = 180 if number == 0 else dice.choice(_LENGTHS)
    if seconds >= _LONG_SECONDS:
        return Job(job_id, seconds, (Output(f"{job_id}/0", "wav", 48_000),))
    formats = dice.sample(_FORMATS, dice.choice((1, 1, 2, 3)))
    return Job(job_id, seconds, tuple(Output(f"{job_id}/{n}", each) for n, each in enumerate(formats)))


def _poison(dice: random.Random, number: int, sources: str, targets: str) -> Poison:
    job_id = f"poison-{number}"
    output = {"target": f"s3://{targets}/{job_id}", "format": "mp3"}

    def a_body(key: str, **over: object) -> str:
        return json.dumps({"job_id": job_id, "source": f"s3://{sources}/{key}", "outputs": [output]} | over)

    kinds = [
        Poison(f'{{"job_id": "{job_id}", ', None),
        Poison(a_body("1 s.wav", colour="red"), job_id),
        Poison(a_body("nothing is here"), job_id),
        Poison(a_body("text.mp3"), job_id),
    ]
    return kinds[number] if number < len(kinds) else dice.choice(kinds)


def _disturbances(dice: random.Random, seconds: float) -> list[Disturbance]:
    """One of each kind first, in any order, then random kinds; one every two to four seconds."""
    kinds = ["kill", "stop", "freeze", "redis", "cut", "slow"]
    dice.shuffle(kinds)
    found = []
    at = 2.0
    while at < seconds:
        kind = (
            kinds.pop() if kinds else dice.choice(("kill", "kill", "stop", "stop", "freeze", "redis", "cut", "slow"))
        )
        length = {
            "freeze": LEASE_SECONDS + dice.uniform(1, 4),
            "redis": dice.uniform(1, 6),
            "cut": dice.uniform(0.2, 3),
            "slow": dice.uniform(1, 4),
        }.get(kind, 0.0)
        worker = dice.randrange(WORKERS) if kind in {"kill", "stop", "freeze"} else None
        found.append(Disturbance(round(at, 1), kind, worker, round(length, 1)))
        at += dice.uniform(2, 4)
    return found
