"""Draws the schedule of a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from tests.simulation.core.publishing import faults_of_events
from tests.simulation.core.schedule import LinkFault
from tests.simulation.queue.incidents import (
    CancelRequest,
    ClockJump,
    ComeBack,
    Drain,
    Freeze,
    Incident,
    Kill,
    Redelivery,
    RetryRequest,
    SendAgain,
    Starvation,
)
from tests.simulation.queue.link_faults import (
    fault_of_a_claim,
    fault_of_s3,
    link_fault,
    outage_of_the_table,
    worker_at,
)
from tests.simulation.queue.schedule import Schedule, Script

# What is drawn, each as often as it is listed. A FIFO queue never delivers a message that is held.
_INCIDENTS_OF_FIFO: tuple[type[Incident], ...] = (
    *(Kill, Drain, Freeze, Starvation, ClockJump, SendAgain),
    *(CancelRequest, CancelRequest),
)
_INCIDENTS: tuple[type[Incident], ...] = (*_INCIDENTS_OF_FIFO, Redelivery, Redelivery)


def make_schedule(seed: int) -> Schedule:
    """The schedule of a seed; the same one each time."""
    dice = random.Random(seed)
    workers = dice.choice((2, 2, 3))
    groups: tuple[str | None, ...] = ("a", "a", "b") if dice.random() < 0.3 else (None,)
    scripts = tuple(_script(dice, dice.choice(groups)) for _ in range(dice.choice((2, 2, 3, 4))))
    kinds = _INCIDENTS if groups == (None,) else _INCIDENTS_OF_FIFO
    faults = [link_fault(dice, workers) for _ in range(dice.choice((0, 1, 1, 2, 3)))]
    if dice.random() < 0.08:
        faults.insert(0, outage_of_the_table(dice, workers))  # a request meets the first fault that fits
    if dice.random() < 0.15:
        faults.append(fault_of_a_claim(dice, workers, dice.choice(scripts).arrives_at))
    incidents = [dice.choice(kinds).drawn(dice, workers, len(scripts)) for _ in range(dice.choice((0, 1, 2, 2, 3)))]
    limit = dice.choice((None, None, None, 2))
    if dice.random() < 0.2:
        scripts = tuple(_failing(dice, script) for script in scripts)
        incidents += [_run_again(dice, len(scripts)) for _ in range(dice.choice((1, 2, 3)))]
    if dice.random() < 0.03:
        return Schedule(seed, (), workers, _beside_a_crash(dice))
    if dice.random() < 0.005:
        return _sent_again_in_a_long_run(dice, seed, workers)
    scripts = _with_priorities(seed, scripts)
    scripts, faults_of_uploads = _with_long_outputs(seed, scripts, workers)
    faults += faults_of_uploads
    faults += faults_of_events(seed, [*map(worker_at, range(workers))], 30.0)
    return Schedule(seed, (*faults, *incidents), workers, scripts, limit)


def _with_priorities(seed: int, scripts: tuple[Script, ...]) -> tuple[Script, ...]:
    """In a quarter of the schedules without groups, some jobs are sent to a less urgent queue."""
    dice = random.Random(f"priorities of {seed}")
    if dice.random() > 0.25 or any(script.group is not None for script in scripts):
        return scripts
    return tuple(replace(script, priority=dice.randrange(2)) for script in scripts)


def _with_long_outputs(
    seed: int, scripts: tuple[Script, ...], workers: int
) -> tuple[tuple[Script, ...], Sequence[LinkFault]]:
    """In some of the schedules, most jobs have long outputs, and in a third of these S3 fails for a while.

    The other dice are not touched.
    """
    dice = random.Random(f"long outputs of {seed}")
    if dice.random() > 0.03:  # each takes several times as long to play as another
        return scripts, ()
    pieces = [dice.choice((None, 1, 1, 4, 8)) for _ in scripts]
    faults = [fault_of_s3(dice, workers)] if dice.random() < 0.35 else []
    return tuple(replace(script, pieces=each) for script, each in zip(scripts, pieces, strict=True)), faults


def _beside_a_crash(dice: random.Random) -> tuple[Script, ...]:
    """Long jobs that go well, and one that takes its workers with it while they run."""
    at = round(dice.uniform(0, 10), 2)
    crashing = Script(at, round(dice.uniform(1, 4), 2), attempts=("crash", "crash", "well"))
    good = [
        Script(round(at + dice.uniform(-1, 1), 2), round(dice.uniform(8, 18), 2)) for _ in range(dice.choice((1, 2)))
    ]
    return (*(replace(each, arrives_at=max(0.0, each.arrives_at)) for each in good), crashing)


def _sent_again_in_a_long_run(dice: random.Random, seed: int, workers: int) -> Schedule:
    """A job that runs for minutes, and another message of it."""
    script = Script(round(dice.uniform(0, 10), 2), round(dice.uniform(150, 400), 2))
    again = SendAgain(round(script.arrives_at + dice.uniform(1, 60), 2), 0)
    return Schedule(seed, (again,), workers, (script,))


def _run_again(dice: random.Random, jobs: int) -> ComeBack | RetryRequest:
    """Often when the job has failed already."""
    at, job = round(dice.uniform(5, 60), 2), dice.randrange(jobs)
    return ComeBack(at, job) if dice.random() < 0.6 else RetryRequest(at, job)


def _failing(dice: random.Random, script: Script) -> Script:
    """The script with a first attempt that fails, more often than not."""
    return replace(script, attempts=("fail", *script.attempts)) if dice.random() < 0.7 else script


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
