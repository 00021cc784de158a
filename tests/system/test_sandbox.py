"""`WORKER_SANDBOX`: what a worker says of its sandbox, and when it refuses to start."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import worker
from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess
from worker.adapters.sandbox.launcher import shared_launcher
from worker.domain.audio import FORMATS, AudioFormat

StartWorker = Callable[..., WorkerProcess]


@pytest.mark.parametrize(("mode", "is_on"), [("available", True), ("off", False)])
def test_a_worker_says_at_its_start_what_its_converters_run_in(
    mode: str, is_on: bool, stack: Stack, start_worker: StartWorker
) -> None:
    facts = shared_launcher().facts()

    started = start_worker(stack, WORKER_SANDBOX=mode).wait_for("worker.started")

    assert started["sandbox"] == {
        "mode": mode,
        "seccomp": is_on and facts.seccomp,
        "landlock_abi": (facts.landlock_abi or None) if is_on else None,
    }


def test_a_sandbox_that_is_required_and_not_possible_stops_the_start_with_one_line(
    stack: Stack, tmp_path: Path
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)

    done = worker(stack, "run", WORKER_SANDBOX="required", WORKER_FFMPEG=str(script))

    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == (
        "worker: WORKER_SANDBOX: is required, but the converter is a script, "
        "and a sandbox lets no program start another\n"
    )


def test_a_job_completes_where_the_sandbox_is_required(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    facts = shared_launcher().facts()
    if not (facts.seccomp and facts.landlock_abi):
        pytest.skip("this kernel has no complete sandbox")
    running = start_worker(stack, WORKER_SANDBOX="required")
    source, job_id = stack.put_source("plain.wav", sound("plain.wav")), unique("job")
    outputs = [
        {"target": stack.target(f"{job_id}{FORMATS[name].endings[0]}"), "format": name} for name in sorted(AudioFormat)
    ]

    stack.send_job(job_id, source, *outputs)

    running.wait_for("job.completed", job_id=job_id)


def test_the_doctor_says_what_the_sandbox_is(stack: Stack) -> None:
    facts = shared_launcher().facts()

    done = worker(stack, "doctor", "--json", WORKER_SANDBOX="required")

    (check,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "sandbox"]
    assert (check["variable"], check["value"]) == ("WORKER_SANDBOX", "required")
    is_complete = facts.seccomp and facts.landlock_abi > 0
    assert check["status"] == ("ok" if is_complete else "failed")
    if is_complete:
        assert check["detail"] == f"seccomp and Landlock (version {facts.landlock_abi})"
