"""Failed jobs are run again through the whole process: by AWS's redrive, by `worker redrive`, by `worker retry`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.aws import a_table
from tests.support.commands import worker
from tests.support.sounds import silence
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]
SOUND = silence(0.2)


def send(stack: Stack, job_id: str) -> None:
    """Send a job whose source is not there."""
    source = f"s3://{stack.sources}/{job_id}.wav"
    stack.send_job(job_id, source, {"target": stack.target(f"{job_id}.flac"), "format": "flac", "channels": 1})


def failed(stack: Stack, job_id: str) -> dict[str, Any]:
    record = stack.final_record(job_id)
    assert (record["status"], record["error"]["code"]) == ("failed", "source_not_found")
    wait_for(lambda: stack.messages_in(stack.queue_url) == 0 or None, "an empty queue")
    return record


def repair(stack: Stack, job_id: str) -> None:
    stack.put_source(f"{job_id}.wav", SOUND)


def completed_again(stack: Stack, job_id: str, last: dict[str, Any]) -> None:
    """Wait until both stores say that the second run has completed."""

    def look() -> dict[str, Any] | None:
        record = stack.record(job_id)
        return record if record is not None and record["status"] == "completed" else None

    record = wait_for(look, f"the end of the second run of {job_id}")
    item = stack.item(job_id)
    assert item is not None
    assert json.loads(item["record"]["S"]) == record
    assert (record["run"], record["attempt"], record["error"]) == (2, 1, None)
    assert record["fence"] > last["fence"]
    assert record["created_at"] == last["created_at"]
    assert stack.output(f"{job_id}.flac")[:4] == b"fLaC"


def move_back(stack: Stack) -> None:
    """What StartMessageMoveTask does: the message is sent again, with its attributes, and deleted."""
    sqs = stack.aws["sqs"]
    answer = sqs.receive_message(QueueUrl=stack.dead_letter_url, MessageAttributeNames=["All"])
    (letter,) = answer["Messages"]
    sqs.send_message(
        QueueUrl=stack.queue_url, MessageBody=letter["Body"], MessageAttributes=letter["MessageAttributes"]
    )
    sqs.delete_message(QueueUrl=stack.dead_letter_url, ReceiptHandle=letter["ReceiptHandle"])


def test_a_dead_letter_that_is_moved_back_by_hand_runs_its_job_again(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    process = start_worker(stack)
    send(stack, job_id)
    last = failed(stack, job_id)

    move_back(stack)
    process.wait_for("run.begun", job_id=job_id, run=2, last_status="failed")

    def letter_of_the_second_run() -> dict[str, Any] | None:
        answer = stack.aws["sqs"].receive_message(
            QueueUrl=stack.dead_letter_url, MessageAttributeNames=["All"], VisibilityTimeout=0
        )
        return next(iter(answer.get("Messages", [])), None)

    letter = wait_for(letter_of_the_second_run, "a dead letter of the second run")
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (attributes["run"], attributes["attempt"], attributes["job_id"]) == ("2", "1", job_id)

    repair(stack, job_id)
    move_back(stack)
    process.wait_for("job.completed", job_id=job_id)
    record = stack.final_record(job_id)
    assert (record["status"], record["run"]) == ("completed", 3)
    assert record["fence"] > last["fence"]

    send(stack, job_id)
    process.wait_for("job.duplicate_skipped", job_id=job_id, status="completed")
    assert stack.final_record(job_id) == record


def test_a_redrive_moves_the_letters_of_one_code_and_each_job_runs_again(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    jobs = [unique("job") for _ in range(3)]
    start_worker(stack)
    for job_id in jobs:
        send(stack, job_id)
    stack.send('{"job_id": "broken"}')
    last = {job_id: failed(stack, job_id) for job_id in jobs}
    wait_for(lambda: stack.messages_in(stack.dead_letter_url) == 4 or None, "four dead letters")
    for job_id in jobs:
        repair(stack, job_id)

    dry = worker(stack, "redrive", "--code", "source_not_found", "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert {line.split()[0] for line in dry.stdout.splitlines()[:-1]} == set(jobs)
    assert dry.stdout.splitlines()[-1] == "3 would be moved back, 1 left"
    assert stack.messages_in(stack.dead_letter_url) == 4

    done = worker(stack, "redrive", "--code", "source_not_found")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 moved back, 1 left\n", "")
    for job_id in jobs:
        completed_again(stack, job_id, last[job_id])
    assert stack.messages_in(stack.dead_letter_url) == 1
    again = worker(stack, "redrive", "--code", "no_audio")
    assert (again.returncode, again.stdout) == (0, "0 moved back, 1 left\n")


def test_a_redrive_whose_cause_is_not_mended_moves_each_message_once(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    start_worker(stack)
    send(stack, job_id)
    last = failed(stack, job_id)
    wait_for(lambda: stack.messages_in(stack.dead_letter_url) == 1 or None, "a dead letter")

    done = worker(stack, "redrive")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 moved back, ")
    again = wait_for(
        lambda: record if (record := failed(stack, job_id))["run"] > last["run"] else None, "the end of a second run"
    )
    assert again["run"] == 2


@pytest.mark.parametrize("has_redis", [True, False], ids=["with Redis", "command without Redis"])
def test_a_retry_runs_failed_and_cancelled_jobs_again(
    has_redis: bool, stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    job_id, cancelled = unique("job"), unique("cancelled")
    console = stack if has_redis else replace(stack, redis_port=None)
    worker(
        stack, "submit", f"s3://{stack.sources}/{cancelled}.wav", "--output", stack.target(f"{cancelled}.flac"),
        "--job-id", cancelled,
    )  # fmt: skip
    assert worker(stack, "cancel", cancelled).returncode == 0
    repair(stack, cancelled)
    process = start_worker(stack)
    process.wait_for("job.duplicate_skipped", job_id=cancelled, status="cancelled")
    send(stack, job_id)
    last = failed(stack, job_id)
    repair(stack, job_id)

    done = worker(console, "retry", job_id, cancelled)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{job_id} is queued for run 2\n{cancelled} is queued for run 2\n"
    completed_again(stack, job_id, last)
    process.wait_for("job.completed", job_id=cancelled)
    again = worker(console, "retry", job_id, "nobody")
    assert again.returncode == 1
    assert again.stderr == f"worker: job {job_id} is completed\nworker: there is no job nobody\n"
    assert worker(console, "retry", "nobody").returncode == 4


def test_jobs_are_listed_by_status_and_time(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    jobs = [unique("job") for _ in range(3)]
    start_worker(stack)
    for job_id in jobs[:2]:
        send(stack, job_id)
        failed(stack, job_id)
    repair(stack, jobs[2])
    send(stack, jobs[2])
    stack.final_record(jobs[2])

    def listed(*arguments: str) -> list[str]:
        done = worker(stack, "jobs", "--json", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return [record["job_id"] for record in json.loads(done.stdout)]

    assert listed() == [jobs[2], jobs[1], jobs[0]]
    assert listed("--status", "failed") == [jobs[1], jobs[0]]
    assert listed("--status", "failed", "--limit", "1", "--since", "1h") == [jobs[1]]
    assert listed("--since", "2099-01-01") == []
    lines = worker(stack, "jobs").stdout.splitlines()
    assert [line.split()[2:4] for line in lines] == [
        ["completed", jobs[2]],
        ["failed", jobs[1]],
        ["failed", jobs[0]],
    ]
    assert "source_not_found" in lines[1]


def test_an_item_that_is_no_record_is_left_out_of_a_list(stack: Stack, unique: Callable[[str], str]) -> None:
    good = worker(stack, "submit", "s3://bucket/a.wav", "--output", "s3://bucket/a.mp3").stdout.strip()
    listed = {"status": {"S": "queued"}, "status_at": {"N": "1"}}
    odd = [{}, {"expires_at": {"N": "4e9"}}, {"expires_at": {"N": "4e9"}, "record": {"S": "{not json"}}]
    for more in odd:
        stack.aws["dynamodb"].put_item(TableName=stack.table, Item={"job_id": {"S": unique("odd")}, **listed, **more})

    done = worker(stack, "jobs", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert [record["job_id"] for record in json.loads(done.stdout)] == [good]


def test_without_its_index_a_table_cannot_be_listed_and_that_is_said(
    stack: Stack, unique: Callable[[str], str]
) -> None:
    bare = unique("bare")
    stack.aws["dynamodb"].create_table(**a_table(bare))

    done = worker(replace(stack, table=bare), "jobs")

    assert (done.returncode, done.stdout) == (1, "")
    assert "the table has no index jobs-by-status: add it as docs/operations.md says" in done.stderr
    assert done.stderr.count("\n") == 1
