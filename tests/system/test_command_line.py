"""The commands other than `worker run`, as processes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.aws import a_bucket
from tests.support.commands import worker
from tests.support.processes import processes_of
from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess

PATIENT = {"REDIS_CONNECT_TIMEOUT_SECONDS": "5", "REDIS_COMMAND_TIMEOUT_SECONDS": "5"}  # on a busy machine


def test_a_local_file_is_uploaded_converted_and_followed_to_its_end(
    stack: Stack, unique: Callable[[str], str], start_worker: Callable[..., WorkerProcess]
) -> None:
    job_id = unique("job")
    start_worker(stack).wait_for("worker.ready")
    source = [str(sound("plain.wav")), "--upload-to", f"s3://{stack.sources}/raw"]
    done = worker(stack, "submit", *source, "--output", stack.target("a.mp3"), "--job-id", job_id, "--wait")
    assert (done.returncode, done.stdout) == (0, f"{job_id}\n")
    lines = done.stderr.splitlines()
    assert f"{job_id} completed 100 %" in lines
    assert lines[-1].startswith(stack.target("a.mp3"))

    done = worker(stack, "status", job_id, "--json")
    record = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (record["status"], record["source"]) == ("completed", f"s3://{stack.sources}/raw/{job_id}/plain.wav")
    assert "fresh" not in record
    assert worker(stack, "watch", job_id).returncode == 0

    done = worker(stack, "status", job_id, "--json", AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:1", **PATIENT)
    assert (done.returncode, json.loads(done.stdout)) == (0, record)

    again = worker(stack, "submit", record["source"], "--output", stack.target("a.mp3"), "--job-id", job_id)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"worker: job {job_id} exists already (completed)\n"


def test_a_refused_job_leaves_the_source_of_the_job_that_has_its_id(
    stack: Stack, unique: Callable[[str], str], tmp_path: Path
) -> None:
    first, second = tmp_path / "first" / "a.wav", tmp_path / "second" / "a.wav"
    for file in (first, second):
        file.parent.mkdir()
        file.write_text(file.parent.name)
    job_id = unique("job")
    rest = ["--upload-to", f"s3://{stack.sources}/raw", "--output", stack.target("a.mp3"), "--job-id", job_id]
    key = f"raw/{job_id}/a.wav"

    assert worker(stack, "submit", str(first), *rest).returncode == 0
    again = worker(stack, "submit", str(second), *rest)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"worker: s3://{stack.sources}/{key} exists already, with other content\n"
    body = stack.aws["s3"].get_object(Bucket=stack.sources, Key=key)["Body"].read()
    assert body == b"first"
    assert stack.messages_in(stack.queue_url) == 1


def test_a_job_that_is_refused_uploads_nothing(stack: Stack, unique: Callable[[str], str], tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.touch()
    job_id = unique("job")
    output = ["--output", stack.target("a.mp3"), "--job-id", job_id]
    assert worker(stack, "submit", f"s3://{stack.sources}/a.wav", *output).returncode == 0

    done = worker(stack, "submit", str(file), "--upload-to", f"s3://{stack.sources}/raw", *output)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"worker: job {job_id} exists already (queued)\n"
    assert "Contents" not in stack.aws["s3"].list_objects_v2(Bucket=stack.sources)


def test_a_job_whose_upload_is_refused_can_be_submitted_again_with_the_id_that_is_shown(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"RIFF")
    command = ["submit", str(file), "--output", stack.target("a.mp3")]
    missing = worker(stack, *command, "--upload-to", f"s3://{stack.sources}-2/raw")
    assert (missing.returncode, missing.stdout) == (1, "")
    shown = re.search(r": the bucket does not exist .*; submit it again with --job-id (\S+)\n$", missing.stderr)
    assert shown is not None
    stack.aws["s3"].create_bucket(**a_bucket(f"{stack.sources}-2"))

    again = worker(stack, *command, "--upload-to", f"s3://{stack.sources}-2/raw", "--job-id", shown[1])

    assert (again.returncode, again.stdout, again.stderr) == (0, f"{shown[1]}\n", "")
    assert stack.messages_in(stack.queue_url) == 1


def test_a_submission_as_json_is_the_record_alone(stack: Stack, unique: Callable[[str], str]) -> None:
    source, job_id = stack.put_source("a.wav", b"RIFF"), unique("job")

    done = worker(stack, "submit", source, "--output", stack.target("a.flac"), "--job-id", job_id, "--json")
    record = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (record["job_id"], record["status"], record["seq"]) == (job_id, "queued", 1)
    status = json.loads(worker(stack, "status", job_id, "--json").stdout)
    assert status | record == status  # a slow Redis adds `fresh`


def test_a_submitted_job_is_queued_from_the_start(stack: Stack) -> None:
    source = stack.put_source("a.wav", b"RIFF")
    done = worker(stack, "submit", source, "--output", stack.target("a.flac"))
    assert (done.returncode, done.stderr) == (0, "")
    job_id = done.stdout.strip()
    record = json.loads(worker(stack, "status", job_id, "--json").stdout)
    assert (record["status"], record["fence"], record["attempt"]) == ("queued", 0, 0)
    assert stack.messages_in(stack.queue_url) == 1


def test_the_status_of_an_unknown_job_exits_with_4(stack: Stack) -> None:
    done = worker(stack, "status", "nobody", "--json")
    assert (done.returncode, done.stdout) == (4, "null\n")
    assert done.stderr == "worker: there is no job nobody\n"


def test_a_status_is_not_fresh_when_redis_could_not_be_asked(stack: Stack) -> None:
    job_id = worker(stack, "submit", f"s3://{stack.sources}/a.wav", "--output", stack.target("a.mp3")).stdout.strip()
    done = worker(stack, "status", job_id, "--json", REDIS_PORT="1")
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    assert (record["status"], record["fresh"]) == ("queued", False)


def test_a_missing_table_is_reported_in_one_line(stack: Stack) -> None:
    done = worker(stack, "status", "nobody", WORKER_TABLE="no-such-table")
    assert (done.returncode, done.stdout) == (1, "")
    no_table = "DynamoDB has no table no-such-table in this region"
    assert done.stderr == f"worker: the progress stores did not answer ({no_table})\n"

    done = worker(stack, "submit", "s3://bucket/a.wav", "--output", "s3://bucket/a.mp3", WORKER_TABLE="no-such-table")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"worker: the job table could not be used ({no_table})\n"


def test_a_missing_queue_is_reported_in_one_line(stack: Stack) -> None:
    url = f"{stack.queue_url}-no-such-queue"
    done = worker(stack, "submit", "s3://bucket/a.wav", "--output", "s3://bucket/a.mp3", WORKER_QUEUE_URL=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"worker: SQS has no queue at {url}\n"


def test_the_doctor_reports_ok_or_says_what_to_do(stack: Stack) -> None:
    done = worker(stack, "doctor", "--json", stack.sources, **PATIENT)
    document = json.loads(done.stdout)
    states = {check["name"]: check["status"] for check in document["checks"]}
    assert (done.returncode, done.stderr) == (0, "")
    assert {states["queue"], states[f"bucket {stack.sources}"], states["redis"], states["converter"]} == {"ok"}
    assert states["workspace"] in {"ok", "degraded"}  # by how full this machine is
    assert states["table"] == "degraded"  # the stack's table has no time to live

    done = worker(stack, "doctor", "no-such-bucket", WORKER_TABLE="no-such-table", REDIS_PORT="1", **PATIENT)
    lines = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert (done.returncode, done.stderr) == (1, "")
    assert lines["table"].startswith("failed")
    assert "table no-such-table does not exist; check WORKER_TABLE" in lines["table"]
    assert lines["bucket"].startswith("failed")
    assert lines["redis"].startswith("degraded")
    assert "check REDIS_ENDPOINT" in lines["redis"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exec {sleep} 1000", "is no ffmpeg: with -version it does not end within 10 s"),
        ("{sleep} 1000 & echo", "is no ffmpeg: with -version it prints no version of ffmpeg"),
        ("exit 0", "is no ffmpeg: with -version it prints no version of ffmpeg"),
    ],
    ids=["hangs", "leaves a child", "says nothing"],
)
def test_a_converter_that_says_nothing_useful_is_one_line(
    text: str, problem: str, stack: Stack, tmp_path: Path
) -> None:
    program, sleep = tmp_path / "ffmpeg", tmp_path / "sleep"
    sleep.symlink_to(shutil.which("sleep") or "")
    program.write_text(f"#!/bin/sh\n{text.format(sleep=sleep)}\n")
    program.chmod(0o755)

    done = worker(stack, "run", WORKER_FFMPEG=str(program))
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"worker: WORKER_FFMPEG: {program} {problem}\n"
    assert processes_of(str(sleep)) == []
