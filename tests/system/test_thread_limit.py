"""A worker at the system's limit of threads has an outage of Redis, and nothing worse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from tests.support.sounds import sound
from tests.support.stack import Stack, make_stack, wait_for
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

PATIENT = {"REDIS_CONNECT_TIMEOUT_SECONDS": "10", "REDIS_COMMAND_TIMEOUT_SECONDS": "10"}  # no other outage than this
NO_THREADS = Path(__file__).parents[1] / "support" / "no_threads"


def complete(stack: Stack, job_id: str) -> None:
    """Have a job done."""
    source = stack.put_source(job_id, sound("plain.wav"))
    stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3"})
    wait_for(lambda: stack.status(job_id) == "completed" or None, f"{job_id} done")


def test_where_no_thread_can_be_started_redis_is_out_and_jobs_complete(
    aws: dict[str, Any],
    aws_endpoint: str,
    unique: Callable[[str], str],
    start_worker: Callable[..., WorkerProcess],
    tmp_path: Path,
) -> None:
    switch = tmp_path / "no-threads"
    with servers.redis() as server:
        stack = make_stack(aws, unique("threads"), endpoint=aws_endpoint, redis_port=server.port)
        worker = start_worker(stack, PYTHONPATH=str(NO_THREADS), NO_THREADS=str(switch), **PATIENT)
        worker.wait_for("redis.connected")

        switch.touch()
        with redis.Redis(port=server.port) as operator:
            for _ in range(10):  # a thread that is idle from the last look-up serves one connection more
                operator.client_kill_filter(_type="normal", skipme=True)
                complete(stack, unique("job"))
                if worker.find("redis.unavailable"):
                    break
        outage = worker.wait_for("redis.unavailable")
        complete(stack, unique("job"))
        switch.unlink()

        assert outage["error"] == "no thread can be started"
        worker.wait_for("progress.failed_back")
        complete(stack, unique("job"))
        assert worker.find("worker.crashed") is None
