"""Another program has changed the item of a job."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.commands import worker as worker_command
from tests.support.sounds import silence
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess


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

    advice = "worker: the job table holds what cannot be read (attribute expires_at of the job's item): mend or delete"
    for command in ("status", "cancel", "retry"):
        told = worker_command(stack, command, job_id)
        assert (told.returncode, told.stdout, advice in told.stderr) == (1, "", True), told

    stack.send_job(other, source, {"target": stack.target("b.mp3"), "format": "mp3"})
    worker.wait_for("job.completed", job_id=other)
    stack.aws["dynamodb"].delete_item(TableName=stack.table, Key=key)
    worker.wait_for("job.completed", job_id=job_id, attempt=1)
    assert worker.find("dynamodb.unavailable") is None
