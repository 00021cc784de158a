"""Outages of DynamoDB and S3, seen from outside: consumption pauses, no message is used up, and all jobs are done."""

from __future__ import annotations

import http.client
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.support.aws_calls import aws_error, calls_of
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.sounds import sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]

JOBS = 6
MAX_RECEIVES = 10  # of a message, before SQS moves it to the dead-letter queue


def refused(service: str, status: int, code: str, *, after_seconds: float = 0) -> Fault:
    """Every call to the service is refused, and has no effect."""
    return Fault(
        lambda call: call.service == service,
        delay_before=after_seconds,
        answer=lambda call: aws_error(call, status, code),
        is_applied=False,
    )


# By name: the fault, the level of the log line, and a word of its reason.
TABLE_FAULTS: dict[str, tuple[Fault, str, str]] = {
    "throttled": (
        refused("dynamodb", 400, "ProvisionedThroughputExceededException"),
        "warning",
        "ProvisionedThroughputExceededException",
    ),
    "hung": (refused("dynamodb", 500, "InternalServerError", after_seconds=8), "warning", "did not answer"),
    "forbidden": (refused("dynamodb", 400, "AccessDeniedException"), "error", "check the role's rights"),
}


@dataclass
class ProxiedStack:
    """A stack whose AWS is behind a proxy."""

    stack: Stack
    proxy: FaultProxy

    def send(self, *job_ids: str) -> None:
        source = self.stack.put_source("source", sound("plain.wav"))
        for job_id in job_ids:
            self.stack.send_job(job_id, source, {"target": self.stack.target(job_id), "format": "mp3"})


@pytest.fixture
def proxied(stack: Stack, aws_endpoint: str) -> Iterator[ProxiedStack]:
    sqs = stack.aws["sqs"]
    found = sqs.get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=["RedrivePolicy"])
    policy = json.loads(found["Attributes"]["RedrivePolicy"]) | {"maxReceiveCount": MAX_RECEIVES}
    sqs.set_queue_attributes(QueueUrl=stack.queue_url, Attributes={"RedrivePolicy": json.dumps(policy)})
    with FaultProxy(aws_endpoint).running() as proxy:
        yield ProxiedStack(replace(stack, endpoint=proxy.url), proxy)


def ask(worker: WorkerProcess, path: str) -> tuple[int, Any]:
    host, port = worker.wait_for("worker.started")["http_address"].rsplit(":", 1)
    with closing(http.client.HTTPConnection(host, int(port), timeout=5)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body) if path == "/health" else body


def lines_of(worker: WorkerProcess, event: str) -> list[dict[str, Any]]:
    return [line for line in worker.lines if line["event"] == event]


@pytest.mark.parametrize("name", TABLE_FAULTS)
def test_jobs_wait_for_a_table_that_is_out_of_reach(
    name: str, proxied: ProxiedStack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    fault, level, word = TABLE_FAULTS[name]
    jobs = [unique("job") for _ in range(JOBS)]
    worker = start_worker(proxied.stack, WORKER_CONCURRENCY="2")
    worker.wait_for("worker.ready")

    proxied.proxy.add(fault)
    proxied.send(*jobs)
    line = worker.wait_for("dynamodb.unavailable")
    assert line["level"] == level
    assert word in line["error"]
    worker.wait_for("consumption.paused", reason="table")
    _, health = ask(worker, "/health")
    assert (health["status"], health["queue"]["pause_reason"]) == ("degraded", "table")
    assert ask(worker, "/readyz")[0] == 503
    assert ask(worker, "/livez")[0] == 200

    proxied.proxy.restore()
    over = worker.wait_for("dynamodb.available", timeout=60)
    for job_id in jobs:
        assert proxied.stack.final_record(job_id)["attempt"] == 1

    assert ask(worker, "/readyz")[0] == 200
    assert ask(worker, "/health")[1]["status"] == "ok"
    assert len(lines_of(worker, "dynamodb.unavailable")) == 1
    assert len(lines_of(worker, "consumption.paused")) == 1
    assert over["jobs_put_off"] == len(lines_of(worker, "job.deferred")) > 0
    assert proxied.stack.messages_in(proxied.stack.dead_letter_url) == 0


def test_nothing_is_received_where_the_table_does_not_exist(
    proxied: ProxiedStack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    proxied.send(unique("job"))
    worker = start_worker(proxied.stack, WORKER_TABLE="no-such-table")

    line = worker.wait_for("dynamodb.unavailable")
    assert (line["level"], "no-such-table" in line["error"]) == ("error", True)
    worker.wait_for("consumption.paused", reason="table")
    assert ask(worker, "/readyz")[0] == 503
    assert ask(worker, "/livez")[0] == 200
    receives = [json.loads(call.body)["MaxNumberOfMessages"] for call in proxied.proxy.seen("ReceiveMessage")]
    assert set(receives) <= {0}  # with 0 the worker asks for its rights, and gets no message
    assert worker.find("worker.ready") is None


@pytest.mark.parametrize("name", ["throttled", "hung"])
def test_a_worker_that_stops_while_the_table_is_away_gives_its_job_back_and_ends_well(
    name: str, proxied: ProxiedStack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    proxied.proxy.hold(calls_of("GetObject"))
    worker = start_worker(proxied.stack, WORKER_DRAIN_SECONDS="12")
    proxied.send(unique("job"))
    proxied.proxy.wait_held()
    proxied.proxy.add(TABLE_FAULTS[name][0])

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert worker.wait_for("worker.stopped")["released"] == 1
    assert proxied.stack.messages_in(proxied.stack.queue_url) == 1


def test_a_worker_is_ready_once_queue_and_table_have_answered(
    proxied: ProxiedStack, start_worker: StartWorker
) -> None:
    proxied.proxy.add(refused("sqs", 503, "ServiceUnavailable"))
    worker = start_worker(proxied.stack)
    worker.wait_for("poll.failed")
    assert ask(worker, "/readyz")[0] == 503
    assert ask(worker, "/livez")[0] == 200
    assert worker.find("worker.ready") is None

    proxied.proxy.restore()
    worker.wait_for("worker.ready")

    assert ask(worker, "/readyz")[0] == 200


def test_jobs_wait_for_an_s3_that_answers_503_to_everything(
    proxied: ProxiedStack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    jobs = [unique("job") for _ in range(JOBS)]
    worker = start_worker(proxied.stack, WORKER_CONCURRENCY="2", WORKER_MAX_ATTEMPTS="1")
    worker.wait_for("worker.ready")

    proxied.proxy.add(refused("s3", 503, "ServiceUnavailable"))
    proxied.send(*jobs)
    line = worker.wait_for("consumption.paused", reason="s3", timeout=60)
    assert line["level"] == "warning"
    _, health = ask(worker, "/health")
    assert (health["status"], health["queue"]["pause_reason"]) == ("degraded", "s3")
    assert ask(worker, "/readyz")[0] == 200

    proxied.proxy.restore()
    worker.wait_for("consumption.resumed", reason="s3", timeout=60)
    wait_for(
        lambda: all(proxied.stack.status(job_id) == "completed" for job_id in jobs) or None,
        "the end of all jobs",
        timeout=90,
    )
    assert proxied.stack.messages_in(proxied.stack.dead_letter_url) == 0
