"""Three workers under kills, freezes, stops and outages: each job ends once and nothing is left behind.

`make chaos` plays a longer run, as CHAOS_SECONDS, CHAOS_JOBS and CHAOS_SEED say.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.chaos.audit import faults_of, is_over
from tests.chaos.conftest import ChaosStack
from tests.chaos.fleet import Fleet
from tests.chaos.plan import LEASE_SECONDS, LENGTHS, Job, Plan, make_plan, source_key
from tests.support.sounds import silence
from tests.support.stack import Stack

SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
JOBS = int(os.environ.get("CHAOS_JOBS", "40"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))

_BACKLOG = 60  # the emulated queue slows with its length
_STEP_SECONDS = 0.1
# For retries to come due. A message that was received five times, and then met an outage of the table, is hidden for
# up to a quarter of an hour. Hardly a run has one.
_CALM_SECONDS = 960.0


@pytest.mark.timeout(SECONDS * 3 + _CALM_SECONDS + 120)
def test_each_job_ends_once_and_nothing_is_left_when_workers_are_killed_frozen_and_stopped(
    chaos_stack: ChaosStack, tmp_path: Path
) -> None:
    stack = chaos_stack.stack
    plan = make_plan(SEED, seconds=SECONDS, jobs=JOBS, sources=stack.sources, targets=stack.targets)
    workspace = tmp_path / "workspace"
    settings = {
        "WORKER_WORKSPACE": str(workspace),
        "WORKER_VISIBILITY_TIMEOUT_SECONDS": str(LEASE_SECONDS),
        "WORKER_CONCURRENCY": "2",
        "WORKER_DRAIN_SECONDS": "8",
        "WORKER_MAX_ATTEMPTS": "20",
    }
    _put_sources(stack)
    fleet = Fleet(stack, settings, chaos_stack.redis, chaos_stack.proxy)
    _print(plan)
    try:
        _play(plan, stack, fleet)
        faults = faults_of(stack, plan, fleet, workspace, tmp_path)
        assert not faults, "\n".join(["", *faults])
    except BaseException:
        fleet.keep_logs(tmp_path)
        _print(f"the workers' logs are in {tmp_path}")
        raise
    finally:
        _print(fleet.summary())
        fleet.close()


def _print(text: object) -> None:
    print(text)  # noqa: T201 - pytest shows it where the test fails


def _play(plan: Plan, stack: Stack, fleet: Fleet) -> None:
    """Send all messages, play the plan, wait until every job has ended, stop the workers."""
    bodies = _bodies(plan, stack)
    began = time.monotonic()
    fleet.start(plan.disturbances)
    deadline = None
    while True:
        fleet.step()
        if bodies:
            _send_some(bodies, stack, elapsed=time.monotonic() - began)
        elif fleet.is_calm:
            deadline = deadline or time.monotonic() + _CALM_SECONDS
            if is_over(stack, plan):
                break
            assert time.monotonic() < deadline, "some jobs never ended"
        time.sleep(_STEP_SECONDS)
    fleet.stop()


def _bodies(plan: Plan, stack: Stack) -> list[object]:
    """All messages, in the reverse of the order in which they are sent; poison messages are spread over them."""
    bodies: list[object] = [_body(job, stack) for job in reversed(plan.jobs)]
    step = len(bodies) // len(plan.poison)
    for number, each in enumerate(plan.poison):
        bodies.insert(number * (step + 1), each.body)
    return bodies


def _body(job: Job, stack: Stack) -> dict[str, object]:
    outputs = [
        {"target": stack.target(output.key), "format": output.format}
        | ({} if output.sample_rate_hz is None else {"sample_rate_hz": output.sample_rate_hz})
        for output in job.outputs
    ]
    return {"job_id": job.job_id, "source": f"s3://{stack.sources}/{source_key(job.seconds)}", "outputs": outputs}


def _send_some(bodies: list[object], stack: Stack, *, elapsed: float) -> None:
    """Send what is due. The messages are spread over the run; the emulated queue is slow when it is long."""
    total = JOBS + max(6, JOBS // 12)
    due = min(total, int(total * elapsed / SECONDS) + 10)
    wanted = min(due - (total - len(bodies)), _BACKLOG - stack.messages_in(stack.queue_url))
    for _ in range(min(wanted, len(bodies))):
        stack.send(bodies.pop())


def _put_sources(stack: Stack) -> None:
    for seconds in LENGTHS:
        stack.put_source(source_key(seconds), silence(seconds))
    stack.put_source("text.mp3", b"This is no audio.\n" * 1000)
