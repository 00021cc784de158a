"""The worker with S3 event notifications, SNS, trace contexts and ECS task protection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from tests.support.commands import worker
from tests.support.ecs_agent import EcsAgent, ecs_agent
from tests.support.sounds import sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


@dataclass(frozen=True)
class Ecosystem:
    """A worker on ECS whose queue receives an event for each new object in the bucket of sources."""

    stack: Stack
    worker: WorkerProcess
    agent: EcsAgent


@pytest.fixture(scope="module")
def ecosystem(new_stack: Callable[[str], Stack]) -> Iterator[Ecosystem]:
    stack = new_stack("ecosystem")
    outputs = [{"target": f"s3://{stack.targets}/{{folder}}{{stem}}.flac", "format": "flac"}]
    with ecs_agent() as agent:
        environment = {"WORKER_S3_EVENT_OUTPUTS": json.dumps(outputs), "ECS_AGENT_URI": agent.uri}
        process = WorkerProcess(stack.environment() | environment)
        try:
            process.wait_for("worker.ready")
            yield Ecosystem(stack, process, agent)
        finally:
            process.close()


def queue_arn(stack: Stack) -> str:
    answer = stack.aws["sqs"].get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn


def lines_of(process: WorkerProcess, job_id: str) -> list[dict[str, Any]]:
    return [line for line in process.lines if line.get("job_id") == job_id]


def a_job(stack: Stack, job_id: str) -> dict[str, Any]:
    # The bucket of targets sends no events, so a source may be put there.
    stack.aws["s3"].put_object(Bucket=stack.targets, Key=job_id, Body=sound("plain.wav").read_bytes())
    output = {"target": stack.target(f"{job_id}.mp3"), "format": "mp3"}
    return {"job_id": job_id, "source": stack.target(job_id), "outputs": [output]}


def test_a_new_object_in_the_bucket_is_converted(ecosystem: Ecosystem) -> None:
    stack = ecosystem.stack
    events = {"QueueConfigurations": [{"QueueArn": queue_arn(stack), "Events": ["s3:ObjectCreated:*"]}]}
    stack.aws["s3"].put_bucket_notification_configuration(Bucket=stack.sources, NotificationConfiguration=events)
    assert "s3:TestEvent" in ecosystem.worker.wait_for("message.ignored")["reason"]

    source = stack.put_source("shows/Grüße + 1.wav", sound("plain.wav"))

    line = ecosystem.worker.wait_for("job.completed")
    record = stack.final_record(line["job_id"])
    assert (record["status"], record["source"]) == ("completed", source)
    assert record["outputs"][0]["target"] == stack.target("shows/Grüße + 1.flac")
    assert stack.output("shows/Grüße + 1.flac")[:4] == b"fLaC"
    wait_for(lambda: stack.messages_in(stack.queue_url) == 0 or None, "an empty queue")


def test_a_job_published_to_sns_completes_and_its_trace_is_in_the_log(ecosystem: Ecosystem, aws_endpoint: str) -> None:
    sns = boto3.client("sns", endpoint_url=aws_endpoint)
    topic = sns.create_topic(Name="ecosystem")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(ecosystem.stack))

    attributes = {"traceparent": {"DataType": "String", "StringValue": TRACEPARENT}}
    sns.publish(TopicArn=topic, Message=json.dumps(a_job(ecosystem.stack, "by-sns")), MessageAttributes=attributes)
    sns.publish(TopicArn=topic, Message="[]")
    sns.close()

    ecosystem.worker.wait_for("job.completed", job_id="by-sns")
    lines = lines_of(ecosystem.worker, "by-sns")
    assert len(lines) >= 2
    assert all((line["trace_id"], line["span_id"]) == (TRACE, SPAN) for line in lines)
    assert ecosystem.worker.wait_for("message.rejected", topic=topic)["sender_id"]


def test_a_rejection_is_logged_with_the_trace(ecosystem: Ecosystem) -> None:
    stack = ecosystem.stack
    attributes = {"traceparent": {"DataType": "String", "StringValue": TRACEPARENT}}
    stack.aws["sqs"].send_message(QueueUrl=stack.queue_url, MessageBody="{", MessageAttributes=attributes)
    assert ecosystem.worker.wait_for("message.rejected", topic=None)["trace_id"] == TRACE


def test_a_submitted_job_carries_the_trace_of_its_command(ecosystem: Ecosystem) -> None:
    job = a_job(ecosystem.stack, "submitted")
    output = job["outputs"][0]
    options = ["--output", output["target"], "--format", "mp3", "--job-id", "submitted"]
    done = worker(ecosystem.stack, "submit", job["source"], *options, TRACEPARENT=TRACEPARENT)

    assert (done.returncode, done.stderr) == (0, "")
    assert ecosystem.worker.wait_for("job.completed", job_id="submitted")["trace_id"] == TRACE


def test_ecs_keeps_the_task_while_jobs_run_and_no_longer(ecosystem: Ecosystem) -> None:
    ecosystem.worker.wait_for("protection.enabled")
    ecosystem.worker.wait_for("protection.released")
    first, *_, last = ecosystem.agent.states
    assert first == {"ProtectionEnabled": True, "ExpiresInMinutes": 60}
    assert last == {"ProtectionEnabled": False}
