"""Draws the schedule of a seed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

from tests.simulation.core.faults import (
    FLAKY,
    FROZEN,
    LATE,
    OVERDUE,
    READONLY,
    REFUSED,
    SILENT,
    SLOW,
    UNACKNOWLEDGED,
    UNANSWERED,
    Fault,
)
from tests.simulation.core.publishing import faults_of_events
from tests.simulation.core.schedule import LinkFault
from tests.simulation.core.stores import REDIS, TABLE
from tests.simulation.progress.schedule import (
    ALL,
    READERS,
    WORKERS,
    CancelRequest,
    Crash,
    Drain,
    Duplicate,
    Ending,
    Event,
    ReadAt,
    RedisFailover,
    Retry,
    RunAgain,
    Schedule,
    Script,
    Watch,
)

_SECONDS_OF_TROUBLE = 4.0
_LONGEST_FAULT_SECONDS = 3.0
_CALLED_BACK_SECONDS = 0.4


def generate(seed: int) -> Schedule:
    """The schedule of a seed; the same one each time."""
    rng = random.Random(seed)
    jobs = 1 if rng.random() < 0.75 else 2
    faults = [_link_fault(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    incidents: list[LinkFault | Event | ReadAt] = [*faults]
    if rng.random() < 0.35:
        lost_seconds = ALL if rng.random() < 0.3 else round(2.0 * rng.random() ** 2, 3)
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
    is_run_again = rng.random() < 0.3
    if is_run_again:
        incidents += [_run_again(rng, jobs) for _ in range(rng.choice((1, 1, 2, 3)))]
    incidents += faults_of_events(seed, WORKERS, 2 * _SECONDS_OF_TROUBLE)
    return Schedule(
        seed,
        tuple(incidents),
        mode="failover" if rng.random() < 0.6 else "durable",
        jobs=jobs,
        is_submitted=rng.random() < 0.5,
        scripts=_some_in_pieces(seed, [_scripts(rng, fails_first=is_run_again) for _ in range(jobs)]),
    )


def _run_again(rng: random.Random, jobs: int) -> RunAgain | Retry:
    """After the faults have begun, and often when the job has ended."""
    at = round(0.5 + 2 * _SECONDS_OF_TROUBLE * rng.random(), 3)
    job, worker = rng.randrange(jobs), rng.choice(WORKERS)
    return RunAgain(at, job, worker) if rng.random() < 0.6 else Retry(at, job)


def _scripts(rng: random.Random, *, fails_first: bool) -> tuple[Script, ...]:
    scripts = [_script(rng) for _ in range(rng.choice((1, 2, 2, 3)))]
    if fails_first and rng.random() < 0.8:
        scripts[0] = replace(scripts[0], ending=Ending.FAIL)
    return tuple(scripts)


def _some_in_pieces(seed: int, scripts: Sequence[tuple[Script, ...]]) -> tuple[tuple[Script, ...], ...]:
    """In an eighth of the schedules, all are encoded in pieces. The other dice are not touched."""
    if random.Random(f"pieces of {seed}").random() > 0.125:
        return tuple(scripts)
    return tuple(tuple(map(_in_pieces, each)) for each in scripts)


def _in_pieces(script: Script) -> Script:
    """The script with a piece that is called back after each step, and what it had done is done again."""
    steps = ((step, (_CALLED_BACK_SECONDS, step[1] / 2)) for step in script.steps)
    return replace(script, steps=tuple(itertools.chain.from_iterable(steps)))


def _moment(rng: random.Random) -> float:
    return round(_SECONDS_OF_TROUBLE * rng.random(), 3)


def _read(rng: random.Random, fault: LinkFault, job: int) -> ReadAt:
    """A read around the time of a fault, where it may see something odd."""
    at = max(fault.start - 0.5 + (fault.end - fault.start + 1) * rng.random(), 0.0)
    return ReadAt(round(at, 3), rng.choice(READERS), job, rng.random() < 0.25)


def _link_fault(rng: random.Random) -> LinkFault:
    service = REDIS if rng.random() < 0.65 else TABLE
    dice = rng.random()
    if dice < 0.35:
        who: tuple[str, ...] = WORKERS + READERS
    elif dice < 0.5:
        who = WORKERS
    else:
        who = (rng.choice(WORKERS + READERS),)
    fault = rng.choice(_FAULTS[service])
    start = _moment(rng)
    end = start + 0.05 + _LONGEST_FAULT_SECONDS * rng.random() ** 2
    return LinkFault(start, round(end, 3), who, service, fault)


_STORE_FAULTS: tuple[Fault, ...] = (REFUSED, SILENT, UNACKNOWLEDGED, LATE, FROZEN, SLOW, UNANSWERED)
_FAULTS = {
    REDIS: (*_STORE_FAULTS, READONLY, FLAKY, FLAKY),
    TABLE: (*_STORE_FAULTS, OVERDUE, FLAKY, FLAKY),
}


def _script(rng: random.Random) -> Script:
    steps = []
    percent = 0.0
    for _ in range(rng.randrange(1, 5)):
        percent += (99 - percent) * rng.random()
        steps.append((round(0.1 + 0.9 * rng.random(), 3), round(percent, 1)))
    return Script(tuple(steps), rng.choice(_ENDINGS))


_ENDINGS = (*Ending, Ending.COMPLETE, Ending.COMPLETE, Ending.COMPLETE, Ending.COMPLETE)
