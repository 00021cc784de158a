"""DynamoDB that does what it is asked, and whose answers are late, lost or never come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.sounds import silence
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess

Start = Callable[..., WorkerProcess]

LEASE_SECONDS = 10


@pytest.fixture
def proxy(aws_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(aws_endpoint).running() as proxy:
        yield proxy


def completes_as_its_first_attempt(stack: Stack, worker: WorkerProcess) -> float:
    """Send a job, and return the seconds until it was started."""
    worker.wait_for("worker.ready")
    job_id = stack.table  # tests share the Redis
    stack.put_source("a.wav", silence(1))
    sent_at = time.monotonic()
    stack.send_job(job_id, f"s3://{stack.sources}/a.wav", {"target": stack.target("a.mp3"), "format": "mp3"})
    worker.wait_for("job.started", job_id=job_id)
    seconds = time.monotonic() - sent_at
    worker.wait_for("job.completed", job_id=job_id, attempt=1)
    assert stack.final_record(job_id)["attempt"] == 1
    assert len([line for line in worker.lines if line["event"] == "job.started"]) == 1
    assert worker.find("job.deferred") is None
    return seconds


def test_a_job_whose_claim_and_end_are_answered_late_starts_at_once_as_attempt_1(
    stack: Stack, proxy: FaultProxy, start_worker: Start
) -> None:
    proxy.delay(calls_of("UpdateItem"), after=0.7)
    worker = start_worker(replace(stack, endpoint=proxy.url), WORKER_VISIBILITY_TIMEOUT_SECONDS=str(LEASE_SECONDS))

    assert completes_as_its_first_attempt(stack, worker) < LEASE_SECONDS


def test_a_claim_whose_answer_is_lost_is_known_by_its_token(
    stack: Stack, proxy: FaultProxy, start_worker: Start
) -> None:
    proxy.cut_answers(calls_of("UpdateItem"), times=1)
    worker = start_worker(replace(stack, endpoint=proxy.url), WORKER_VISIBILITY_TIMEOUT_SECONDS=str(LEASE_SECONDS))

    assert completes_as_its_first_attempt(stack, worker) < LEASE_SECONDS


def test_a_claim_that_is_never_answered_is_looked_up_and_the_job_starts(
    stack: Stack, proxy: FaultProxy, start_worker: Start
) -> None:
    proxy.delay(calls_of("UpdateItem"), after=60, times=2)
    worker = start_worker(replace(stack, endpoint=proxy.url), WORKER_VISIBILITY_TIMEOUT_SECONDS=str(LEASE_SECONDS))

    assert completes_as_its_first_attempt(stack, worker) < LEASE_SECONDS
    assert proxy.seen("GetItem")
