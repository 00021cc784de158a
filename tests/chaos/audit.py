"""The final check of a chaos run: of the stores, the buckets, the queues and the machine."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import redis

from tests.chaos.fleet import Fleet
from tests.chaos.plan import Job, Plan, Poison
from tests.support.leftovers import leftovers
from tests.support.sounds import listen
from tests.support.stack import Stack

FINAL = frozenset({"completed", "failed", "cancelled"})
_TOLERANCE_SECONDS = 0.15  # of lossy formats, which pad


def durable_records(stack: Stack) -> dict[str, dict[str, Any]]:
    """The records in DynamoDB, by job id."""
    pages = stack.aws["dynamodb"].get_paginator("scan").paginate(TableName=stack.table, ConsistentRead=True)
    return {item["job_id"]["S"]: json.loads(item["record"]["S"]) for page in pages for item in page["Items"]}


def is_over(stack: Stack, plan: Plan) -> bool:
    """Whether every job has a final record and its message is deleted."""
    if stack.messages_in(stack.queue_url):
        return False
    records = durable_records(stack)
    wanted = [job.job_id for job in plan.jobs] + [each.job_id for each in plan.poison if each.job_id is not None]
    return all(records.get(job_id, {}).get("status") in FINAL for job_id in wanted)


def faults_of(stack: Stack, plan: Plan, fleet: Fleet, workspace: Path, scratch: Path) -> list[str]:
    """One sentence for everything that is wrong."""
    records = durable_records(stack)
    return [
        *fleet.faults,
        *(fault for job in plan.jobs for fault in _faults_of_job(stack, job, records.get(job.job_id), scratch)),
        *(fault for each in plan.poison for fault in _faults_of_poison(each, records)),
        *_contradictions(stack, records),
        *_duplicate_ends(fleet),
        *_faults_of_dead_letters(stack, plan),
        *_unexpected_objects(stack, plan),
        *leftovers(stack, workspace),
    ]


def _faults_of_job(stack: Stack, job: Job, record: Mapping[str, Any] | None, scratch: Path) -> Iterator[str]:
    if record is None or record["status"] != "completed":
        yield f"{job.job_id} is not completed: {record}"
        return
    for wanted, recorded in zip(job.outputs, record["outputs"], strict=True):
        data = stack.output(wanted.key)
        if (len(data), hashlib.sha256(data).hexdigest()) != (recorded["bytes"], recorded["sha256"]):
            yield f"{wanted.key} is not what its record says"
        path = scratch / "output"
        path.write_bytes(data)
        seconds = listen(path).seconds
        if abs(seconds - job.seconds) > _TOLERANCE_SECONDS or abs(recorded["duration_seconds"] - seconds) > 0.1:
            yield f"{wanted.key} plays for {seconds} s, its source for {job.seconds} s, its record says {recorded}"


def _faults_of_poison(each: Poison, records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if each.job_id is not None and records.get(each.job_id, {}).get("status") != "failed":
        yield f"{each.job_id} is not failed: {records.get(each.job_id)}"


def _contradictions(stack: Stack, records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Redis may have lost a record, but a final record in Redis equals the one in DynamoDB."""
    with redis.Redis(port=stack.redis_port or 0) as client:
        for job_id, record in records.items():
            text = client.hget(f"audio:job:{job_id}", "record")
            held = record if text is None else json.loads(text)
            if held["status"] in FINAL and held != record:
                yield f"{job_id} is {record} in DynamoDB and {held} in Redis"
            elif (held["fence"], held["seq"]) > (record["fence"], record["seq"]):
                yield f"{job_id} is newer in Redis than its end: {held}"


def _duplicate_ends(fleet: Fleet) -> Iterator[str]:
    ends = Counter(
        line["job_id"]
        for worker in fleet.ended
        for line in worker.lines
        if line["event"] in {"job.completed", "job.failed", "job.cancelled"}
    )
    return (f"{job_id} ended {count} times" for job_id, count in ends.items() if count > 1)


def _faults_of_dead_letters(stack: Stack, plan: Plan) -> Iterator[str]:
    found = set(_bodies(stack))
    wanted = {each.body for each in plan.poison}
    yield from (f"no dead letter: {body}" for body in wanted - found)
    yield from (f"a dead letter that is not poisoned: {body}" for body in found - wanted)


def _bodies(stack: Stack) -> Iterator[str]:
    while True:
        answer = stack.aws["sqs"].receive_message(QueueUrl=stack.dead_letter_url, MaxNumberOfMessages=10)
        if not answer.get("Messages"):
            return
        yield from (message["Body"] for message in answer["Messages"])


def _unexpected_objects(stack: Stack, plan: Plan) -> Iterator[str]:
    """Objects that no job asked for."""
    wanted = {output.key for job in plan.jobs for output in job.outputs}
    pages = stack.aws["s3"].get_paginator("list_objects_v2").paginate(Bucket=stack.targets)
    found = {each["Key"] for page in pages for each in page.get("Contents", ())}
    return (f"{key} is in the bucket of targets" for key in found - wanted)
