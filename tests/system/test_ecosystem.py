"""The worker among its neighbours: S3 that tells of new objects, SNS, traces, and ECS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from tests.support.commands import worker
from tests.support.ecs_agent import EcsAgent, ecs_agent
from tests.support.house import Stack, wait_for
from tests.support.sounds import sound
from tests.support.worker_process import WorkerProcess

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


@dataclass(frozen=True)
class Town:
    """A worker on ECS whose queue hears of each new object in the bucket of sources."""

    stack: Stack
    worker: WorkerProcess
    agent: EcsAgent


@pytest.fixture(scope="module")
def town(new_stack: Callable[[str], Stack]) -> Iterator[Town]:
    stack = new_stack("ecosystem")
    outputs = [{"target": f"s3://{stack.targets}/{{folder}}{{stem}}.flac", "format": "flac"}]
    with ecs_agent() as agent:
        environment = {"WORKER_S3_EVENT_OUTPUTS": json.dumps(outputs), "ECS_AGENT_URI": agent.uri}
        process = WorkerProcess(stack.environment() | environment)
        try:
            process.wait_for("worker.ready")
            yield Town(stack, process, agent)
        finally:
            process.close()


def queue_arn(stack: Stack) -> str:
    answer = stack.aws["sqs"].get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn


def lines_of(process: WorkerProcess, job_id: str) -> list[dict[str, Any]]:
    return [line for line in process.lines if line.get("job_id") == job_id]


def a_job(stack: Stack, job_id: str) -> dict[str, Any]:
    # The bucket of targets tells nobody of anything, so a source may lie there.
    stack.aws["s3"].put_object(Bucket=stack.targets, Key=job_id, Body=sound("plain.wav").read_bytes())
    output = {"target": stack.target(f"{job_id}.mp3"), "format": "mp3"}
    return {"job_id": job_id, "source": stack.target(job_id), "outputs": [output]}


def test_an_object_that_is_put_into_the_bucket_is_converted(town: Town) -> None:
    stack = town.stack
    events = {"QueueConfigurations": [{"QueueArn": queue_arn(stack), "Events": ["s3:ObjectCreated:*"]}]}
    stack.aws["s3"].put_bucket_notification_configuration(Bucket=stack.sources, NotificationConfiguration=events)
    assert "s3:TestEvent" in town.worker.wait_for("message.ignored")["reason"]

    source = stack.put_source("shows/Grüße + 1.wav", sound("plain.wav"))

    line = town.worker.wait_for("job.completed")
    record = stack.final_record(line["job_id"])
    assert (record["status"], record["source"]) == ("completed", source)
    assert record["outputs"][0]["target"] == stack.target("shows/Grüße + 1.flac")
    assert stack.output("shows/Grüße + 1.flac")[:4] == b"fLaC"
    wait_for(lambda: stack.waiting(stack.queue_url) == 0 or None, "an empty queue")


def test_a_job_by_way_of_sns_is_done_and_its_trace_is_in_the_log(town: Town, aws_endpoint: str) -> None:
    sns = boto3.client("sns", endpoint_url=aws_endpoint)
    topic = sns.create_topic(Name="ecosystem")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(town.stack))

    attributes = {"traceparent": {"DataType": "String", "StringValue": TRACEPARENT}}
    sns.publish(TopicArn=topic, Message=json.dumps(a_job(town.stack, "by-sns")), MessageAttributes=attributes)
    sns.close()

    town.worker.wait_for("job.completed", job_id="by-sns")
    lines = lines_of(town.worker, "by-sns")
    assert len(lines) >= 2
    assert all((line["trace_id"], line["span_id"]) == (TRACE, SPAN) for line in lines)


def test_a_rejection_tells_the_trace_as_well(town: Town) -> None:
    stack = town.stack
    attributes = {"traceparent": {"DataType": "String", "StringValue": TRACEPARENT}}
    stack.aws["sqs"].send_message(QueueUrl=stack.queue_url, MessageBody="{", MessageAttributes=attributes)
    assert town.worker.wait_for("message.rejected")["trace_id"] == TRACE


def test_a_job_that_is_submitted_within_a_trace_carries_it_on(town: Town) -> None:
    job = a_job(town.stack, "submitted")
    output = job["outputs"][0]
    wishes = ["--output", output["target"], "--format", "mp3", "--job-id", "submitted"]
    done = worker(town.stack, "submit", job["source"], *wishes, TRACEPARENT=TRACEPARENT)

    assert (done.returncode, done.stderr) == (0, "")
    assert town.worker.wait_for("job.completed", job_id="submitted")["trace_id"] == TRACE


def test_ecs_keeps_the_task_while_jobs_run_and_no_longer(town: Town) -> None:
    town.worker.wait_for("protection.enabled")
    town.worker.wait_for("protection.released")
    first, *_, last = town.agent.states
    assert first == {"ProtectionEnabled": True, "ExpiresInMinutes": 60}
    assert last == {"ProtectionEnabled": False}
