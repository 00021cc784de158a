"""`worker cancel` against a queued and a running job, with and without Redis on either side."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_calls import calls_of
from tests.support.budgets import check_budget
from tests.support.commands import worker
from tests.support.fault_proxy import FaultProxy
from tests.support.leftovers import leftovers
from tests.support.processes import descendants_of
from tests.support.sounds import run_ffmpeg, silence, sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]

STOP = 3  # seconds until a running job that is cancelled has stopped


@pytest.fixture(scope="module")
def long_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cancel") / "long.wav"
    run_ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=900:sample_rate=8000", str(path))
    return path


@pytest.mark.parametrize(
    ("worker_has_redis", "command_has_redis"),
    [(True, True), (False, False), (True, False)],
    ids=["with Redis", "without Redis", "command without Redis"],
)
def test_a_cancelled_running_job_stops_within_three_seconds_and_leaves_nothing(
    worker_has_redis: bool,
    command_has_redis: bool,
    stack: Stack,
    start_worker: StartWorker,
    unique: Callable[[str], str],
    long_source: Path,
    tmp_path: Path,
) -> None:
    job_id = unique("job")
    bare = replace(stack, redis_port=None)
    process = start_worker(stack if worker_has_redis else bare, WORKER_WORKSPACE=str(tmp_path))
    source = stack.put_source(job_id, long_source)
    outputs = [
        {"target": stack.target(f"{job_id}.{name}"), "format": name, "sample_rate_hz": 48000}
        for name in ("mp3", "m4a", "ogg")
    ]
    stack.send_job(job_id, source, *outputs)
    process.wait_for("job.started", job_id=job_id)
    wait_for(lambda: descendants_of(process.pid, named="ffmpeg") or None, "a converter")

    done = worker(stack if command_has_redis else bare, "cancel", job_id)
    asked_at = time.monotonic()

    assert (done.returncode, done.stderr) == (0, "")
    assert "asked to stop" in done.stdout
    process.wait_for("job.cancelled", job_id=job_id)
    stop_seconds = time.monotonic() - asked_at
    assert descendants_of(process.pid, named="ffmpeg") == []
    assert stack.status(job_id) == "cancelled"
    if worker_has_redis:
        record = stack.final_record(job_id)
        assert (record["status"], record["error"]["code"], record["stage"]) == ("cancelled", "cancelled", None)
    assert target_keys(stack) == []
    assert "Uploads" not in stack.aws["s3"].list_multipart_uploads(Bucket=stack.targets)
    wait_for(lambda: stack.messages_in(stack.queue_url) == 0 or None, "an empty queue")
    assert stack.messages_in(stack.dead_letter_url) == 0
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == ["lock"]  # of the workspace itself

    again = worker(stack, "submit", source, "--output", stack.target("again.mp3"), "--job-id", job_id)
    assert (again.returncode, again.stderr) == (1, f"worker: job {job_id} exists already (cancelled)\n")
    stack.send_job(job_id, source, *outputs)
    process.wait_for("job.duplicate_skipped", job_id=job_id, status="cancelled")
    assert worker(stack, "cancel", job_id).returncode == 0
    check_budget(stop_seconds, STOP, "the stop")


def test_a_job_that_is_cancelled_during_an_upload_leaves_no_parts_and_no_outputs(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    job_id = unique("job")
    source = stack.put_source(job_id, silence(180))  # at 48 kHz more than is sent in one piece
    outputs: list[dict[str, Any]] = [
        {"target": stack.target("published.mp3"), "format": "mp3"},
        {"target": stack.target("half.wav"), "format": "wav", "sample_rate_hz": 48_000},
    ]
    with FaultProxy(stack.endpoint).running() as proxy:
        proxy.hold(lambda call: call.action == "UploadPart" and call.query["partNumber"] == "2")
        through_proxy = replace(stack, endpoint=proxy.url)
        process = start_worker(through_proxy, WORKER_WORKSPACE=str(tmp_path / "workspace"))
        stack.send_job(job_id, source, *outputs)
        proxy.wait_held()
        wait_for(lambda: target_keys(stack) == ["published.mp3"] or None, "the first output")
        assert len(stack.aws["s3"].list_multipart_uploads(Bucket=stack.targets)["Uploads"]) == 1

        done = worker(stack, "cancel", job_id)
        asked_at = time.monotonic()

        assert (done.returncode, done.stderr) == (0, "")
        line = process.wait_for("job.cancelled", job_id=job_id)
        stop_seconds = time.monotonic() - asked_at
        assert line["stage"] == "uploading"
        record = stack.final_record(job_id)
        assert (record["status"], record["error"]["code"], record["stage"]) == ("cancelled", "cancelled", None)
        assert record["percent"] < 100
        assert target_keys(stack) == []
        wait_for(lambda: stack.messages_in(stack.queue_url) == 0 or None, "an empty queue")
        assert stack.messages_in(stack.dead_letter_url) == 0
        process.signal(signal.SIGTERM)
        assert process.wait() == 0, process.transcript()
        assert list(leftovers(stack, tmp_path / "workspace")) == []
    check_budget(stop_seconds, STOP, "the stop")


def target_keys(stack: Stack) -> list[str]:
    """The keys in the bucket of targets."""
    found = stack.aws["s3"].list_objects_v2(Bucket=stack.targets)
    return [item["Key"] for item in found.get("Contents", ())]


def test_a_queued_job_that_is_cancelled_never_starts_and_a_completed_one_stays_completed(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    queued, done = unique("queued"), unique("done")
    source = stack.put_source("a.wav", sound("plain.wav"))
    assert worker(stack, "cancel", queued).returncode == 4
    worker(stack, "submit", source, "--output", stack.target("a.mp3"), "--job-id", queued)

    answer = worker(stack, "cancel", queued)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{queued} is cancelled\n", "")
    assert stack.final_record(queued)["status"] == "cancelled"
    process = start_worker(stack)
    process.wait_for("job.duplicate_skipped", job_id=queued, status="cancelled")
    stack.send_job(done, source, {"target": stack.target("b.mp3"), "format": "mp3"})
    stack.final_record(done)
    answer = worker(stack, "cancel", done)

    assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", f"worker: {done} is completed already\n")
    assert process.find("job.started", job_id=queued) is None
    assert target_keys(stack) == ["b.mp3"]
    wait_for(lambda: stack.messages_in(stack.queue_url) == 0 or None, "an empty queue")


def test_a_worker_that_stands_still_over_a_cancelled_job_leaves_the_outputs_of_its_next_run_alone(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    job_id, target = unique("job"), unique("target")
    source = stack.put_source(job_id, silence(1))
    submit = ("submit", source, "--job-id", job_id, "--output", stack.target(target), "--format", "flac")
    assert worker(stack, *submit).returncode == 0
    assert worker(stack, "cancel", job_id).returncode == 0
    with FaultProxy(stack.endpoint).running() as proxy:
        proxy.hold(calls_of("HeadObject"))
        late = start_worker(replace(stack, endpoint=proxy.url), WORKER_CONCURRENCY="1")
        proxy.wait_held()  # it knows that the job is cancelled, and is about to take its outputs back

        late.signal(signal.SIGSTOP)
        assert worker(stack, "retry", job_id).returncode == 0
        start_worker(stack).wait_for("job.completed", job_id=job_id, timeout=60)
        output = stack.output(target)
        proxy.release()
        late.signal(signal.SIGCONT)

        late.wait_for("job.duplicate_skipped", job_id=job_id)
        wait_for(lambda: stack.messages_in(stack.queue_url) == 0 or None, "the end of both messages", timeout=60)
        assert not proxy.seen("DeleteObject")
    assert stack.output(target) == output
    record = stack.final_record(job_id)
    assert (record["status"], record["run"]) == ("completed", 2)
