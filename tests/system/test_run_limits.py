"""`worker run --until-empty` and `--max-jobs`, as a scheduled task or a Kubernetes job runs them."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.commands import worker
from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess


def send_jobs(stack: Stack, count: int) -> list[str]:
    source = stack.put_source("a.wav", sound("plain.wav"))
    ids = [f"{stack.table}-{number}" for number in range(count)]
    for job_id in ids:
        stack.send_job(job_id, source, {"target": stack.target(f"{job_id}.mp3"), "format": "mp3"})
    return ids


def test_a_worker_that_runs_until_the_queue_is_empty_does_all_jobs_and_ends_with_0(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    ids = send_jobs(stack, 3)

    process = start_worker(stack, "--until-empty")
    process.wait_for("worker.ready")
    ready_at = time.monotonic()

    assert process.wait(timeout=60) == 0
    assert time.monotonic() - ready_at >= 20
    assert {stack.status(job_id) for job_id in ids} == {"completed"}
    assert stack.messages_in(stack.queue_url) == 0
    finished = process.wait_for("worker.finished")
    assert (finished["reason"], finished["messages"]) == ("queue_empty", 3)
    assert process.wait_for("worker.stopped")["exit_code"] == 0


def test_a_worker_for_two_jobs_leaves_the_third_to_others(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    ids = send_jobs(stack, 3)

    process = start_worker(stack, "--max-jobs", "2", WORKER_CONCURRENCY="4")

    assert process.wait() == 0
    statuses = [stack.status(job_id) for job_id in ids]
    assert (statuses.count("completed"), statuses.count(None)) == (2, 1), process.transcript()
    assert stack.messages_in(stack.queue_url) == 1
    assert process.wait_for("worker.finished")["reason"] == "max_jobs"


def test_a_limit_that_is_no_number_of_jobs_is_wrong_usage(stack: Stack) -> None:
    done = worker(stack, "run", "--max-jobs", "0")

    assert (done.returncode, done.stdout) == (64, "")
    assert "argument --max-jobs: must be a whole number above 0" in done.stderr
