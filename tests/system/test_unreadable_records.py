"""The item of a job is not as this version of the worker writes it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.support.commands import worker as worker_command
from tests.support.records import a_record, completed
from tests.support.sounds import silence
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess
from worker.domain.progress import Record

OF_A_NEWER_VERSION: dict[str, dict[str, object]] = {
    "stage": {"stage": "tagging"},
    "status": {"status": "paused", "stage": None},
}


def item_of(record: Record, changes: dict[str, object]) -> dict[str, dict[str, str]]:
    """The job's item, whose record has the changes."""
    return {
        "job_id": {"S": record.job_id},
        "record": {"S": json.dumps(record.to_dict() | changes)},
        "status": {"S": str(changes.get("status", record.status.value))},
        "fence": {"N": str(record.version.fence)},
        "seq": {"N": str(record.version.seq)},
        "expires_at": {"N": str(int(time.time()) + 86_400)},
    }


@pytest.mark.parametrize("changes", OF_A_NEWER_VERSION.values(), ids=OF_A_NEWER_VERSION)
def test_a_job_that_a_newer_version_of_the_worker_runs_is_left_to_it_and_its_message_comes_back_until_it_is_done(
    changes: dict[str, object], stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker(stack)
    worker.wait_for("worker.ready")
    job_id = stack.table
    running = a_record(job_id=job_id, source=f"s3://{stack.sources}/a.wav")
    theirs = item_of(running, changes)
    dynamodb = stack.aws["dynamodb"]
    dynamodb.put_item(TableName=stack.table, Item=theirs)

    source = stack.put_source("a.wav", silence(1))
    stack.send_job(job_id, source, {"target": stack.target("a.mp3"), "format": "mp3"})

    line = worker.wait_for("record.unreadable", job_id=job_id)
    assert (line["level"], line["attribute"]) == ("error", "record")
    worker.wait_for("job.deferred", job_id=job_id)
    assert dynamodb.get_item(TableName=stack.table, Key={"job_id": {"S": job_id}})["Item"] == theirs
    told = worker_command(stack, "status", job_id)
    assert "update this program where a newer one has written it" in told.stderr

    dynamodb.put_item(TableName=stack.table, Item=item_of(completed(running, 2), {}))
    worker.wait_for("job.duplicate_skipped", job_id=job_id)
    assert worker.find("job.started", job_id=job_id) is None


def test_a_job_whose_record_cannot_be_read_is_named_and_runs_when_that_is_mended(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker(stack)
    worker.wait_for("worker.ready")
    job_id, other = stack.table, f"{stack.table}-other"  # tests share the Redis
    source = stack.put_source("a.wav", silence(1))
    key = {"job_id": {"S": job_id}}
    stack.aws["dynamodb"].put_item(TableName=stack.table, Item={**key, "record": {"S": "edited by hand"}})

    stack.send_job(job_id, source, {"target": stack.target("a.mp3"), "format": "mp3"})
    line = worker.wait_for("record.unreadable", job_id=job_id)
    assert (line["level"], line["attribute"], line["receives"]) == ("error", "expires_at", 1)
    deferred = worker.wait_for("job.deferred", job_id=job_id)
    assert deferred["reason"] == "unreadable record in DynamoDB: attribute expires_at"

    advice = "worker: the job table holds what cannot be read (attribute expires_at of the job's item): "
    for command in ("status", "cancel", "retry"):
        told = worker_command(stack, command, job_id)
        assert (told.returncode, told.stdout, advice in told.stderr) == (1, "", True), told

    stack.send_job(other, source, {"target": stack.target("b.mp3"), "format": "mp3"})
    worker.wait_for("job.completed", job_id=other)
    stack.aws["dynamodb"].delete_item(TableName=stack.table, Key=key)
    worker.wait_for("job.completed", job_id=job_id, attempt=1)
    assert worker.find("dynamodb.unavailable") is None
