"""Workers that are killed at random while they run good jobs, as a cloud takes its machines back: no job fails.

`make chaos` plays 100 kills (CHAOS_KILLS) over 200 jobs (CHAOS_GOOD_JOBS).
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.chaos.audit import faults_of, is_over
from tests.chaos.conftest import ChaosStack
from tests.chaos.fleet import Fleet
from tests.chaos.plan import LEASE_SECONDS, WORKERS, Disturbance, Job, Output, Plan, source_key
from tests.support.sounds import silence

KILLS = int(os.environ.get("CHAOS_KILLS", "6"))
JOBS = int(os.environ.get("CHAOS_GOOD_JOBS", "20"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))

_BETWEEN_SECONDS = (2.0, 4.0)
_CALM_SECONDS = 180.0
_STEP_SECONDS = 0.1
_LENGTHS = (1, 2, 5)


def _plan() -> Plan:
    dice = random.Random(SEED)
    jobs = [Job(f"job-{n}", dice.choice(_LENGTHS), (Output(f"job-{n}", "mp3"),)) for n in range(JOBS)]
    at, kills = 3.0, []
    for _ in range(KILLS):
        kills.append(Disturbance(round(at, 1), "kill", dice.randrange(WORKERS), 0.0))
        at += dice.uniform(*_BETWEEN_SECONDS)
    return Plan(SEED, tuple(jobs), (), tuple(kills))


@pytest.mark.timeout(KILLS * _BETWEEN_SECONDS[1] + _CALM_SECONDS + 120)
def test_no_good_job_fails_when_workers_are_killed_at_random(chaos_stack: ChaosStack, tmp_path: Path) -> None:
    stack, plan = chaos_stack.stack, _plan()
    for seconds in _LENGTHS:
        stack.put_source(source_key(seconds), silence(seconds))
    workspace = tmp_path / "workspace"
    settings = {
        "WORKER_WORKSPACE": str(workspace),
        "WORKER_VISIBILITY_TIMEOUT_SECONDS": str(LEASE_SECONDS),
        "WORKER_CONCURRENCY": "4",
        "WORKER_MAX_ATTEMPTS": "1000",
    }
    fleet = Fleet(stack, settings, chaos_stack.redis, chaos_stack.proxy)

    try:
        _play(plan, fleet, chaos_stack)
        faults = faults_of(stack, plan, fleet, workspace, tmp_path)
    finally:
        print(fleet.summary())  # noqa: T201 - pytest shows it where the test fails
        fleet.close()

    assert not faults, "\n".join(["", *faults])


def _play(plan: Plan, fleet: Fleet, chaos_stack: ChaosStack) -> None:
    """Send the jobs while the workers are killed, wait until each job has ended, stop the workers."""
    stack = chaos_stack.stack
    seconds = plan.disturbances[-1].at
    began = time.monotonic()
    fleet.start(plan.disturbances)
    sent = 0
    while True:
        fleet.step()
        elapsed = time.monotonic() - began
        while sent < min(JOBS, 1 + int(JOBS * elapsed / seconds)):
            job = plan.jobs[sent]
            target = {"target": stack.target(job.outputs[0].key), "format": "mp3"}
            stack.send_job(job.job_id, f"s3://{stack.sources}/{source_key(job.seconds)}", target)
            sent += 1
        if sent == JOBS and fleet.is_calm and is_over(stack, plan):
            break
        assert elapsed < seconds + _CALM_SECONDS, "some jobs never ended"
        time.sleep(_STEP_SECONDS)
    fleet.stop()
