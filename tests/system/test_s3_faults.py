"""What S3 refuses, through the whole process: the job waits for what passes, and fails once by what does not."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.sounds import silence, sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def proxy(stack: Stack) -> Iterator[FaultProxy]:
    with FaultProxy(stack.endpoint).running() as proxy:
        yield proxy


def final_record(stack: Stack, proxy: FaultProxy, start_worker: StartWorker, job_id: str) -> dict[str, object]:
    """The record of a job of a worker that reaches AWS through the proxy."""
    source = stack.put_source("sound.wav", sound("plain.wav"))
    stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3"})
    start_worker(replace(stack, endpoint=proxy.url))
    return stack.final_record(job_id)


def test_an_outage_of_s3_at_the_upload_costs_no_second_conversion(
    stack: Stack, proxy: FaultProxy, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    proxy.refuse(calls_of("PutObject"), 503, "SlowDown", times=6)  # more than the SDK repeats one call

    record = final_record(stack, proxy, start_worker, job_id)

    assert (record["status"], record["attempt"]) == ("completed", 1)
    assert len(proxy.seen("GetObject")) == 1
    assert len(proxy.seen("PutObject")) == 7


@pytest.mark.parametrize(
    ("action", "status", "refusal", "code"),
    [
        ("GetObject", 400, "KMS.DisabledException", "access_denied"),
        ("PutObject", 400, "AccessControlListNotSupported", "target_refused"),
        ("PutObject", 403, "QuotaExceeded", "target_refused"),
        ("PutObject", 412, "PreconditionFailed", "target_refused"),
    ],
)
def test_a_refusal_that_stays_fails_the_job_at_once_and_says_whose_it_is(
    action: str,
    status: int,
    refusal: str,
    code: str,
    stack: Stack,
    proxy: FaultProxy,
    start_worker: StartWorker,
    unique: Callable[[str], str],
) -> None:
    job_id = unique("job")
    proxy.refuse(calls_of(action), status, refusal)

    record = final_record(stack, proxy, start_worker, job_id)

    error = record["error"]
    assert isinstance(error, dict)
    assert (record["status"], record["attempt"], error["code"], error["retryable"]) == ("failed", 1, code, False)
    address = f"s3://{stack.sources}/sound.wav" if action == "GetObject" else stack.target(job_id)
    assert address in error["message"]
    assert refusal in error["message"]
    assert len(proxy.seen(action)) == 1


def test_expired_credentials_fail_no_job_although_s3_cannot_say_so_in_its_answer_to_head(
    stack: Stack, proxy: FaultProxy, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    source = stack.put_source("sound.wav", sound("plain.wav"))
    proxy.refuse(lambda call: call.service == "s3", 400, "ExpiredToken")
    stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3"})
    worker = start_worker(replace(stack, endpoint=proxy.url))

    retried = worker.wait_for("job.retried", job_id=job_id)
    proxy.restore()

    assert retried["error_code"] == "dependency_unavailable"
    assert stack.final_record(job_id)["status"] == "completed"


def test_a_worker_that_stops_while_s3_hangs_records_the_end_of_its_job_and_gives_it_back(
    stack: Stack, proxy: FaultProxy, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    proxy.hold(calls_of("UploadPart", "AbortMultipartUpload"))
    source = stack.put_source("long.wav", silence(1100))  # 17.6 MB, as its output, which is sent in parts
    stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "wav"})
    worker = start_worker(replace(stack, endpoint=proxy.url))
    proxy.wait_held(timeout=30)

    worker.signal(signal.SIGTERM)
    worker.wait_for("worker.draining")
    worker.signal(signal.SIGTERM)  # no longer waits for what runs

    assert worker.wait() == 0, worker.transcript()
    assert worker.find("job.released", job_id=job_id)
    assert stack.status(job_id) == "queued"
    assert stack.messages_in(stack.queue_url) == 1
