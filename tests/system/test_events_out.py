"""Ends of jobs reach a topic and a bus, also when a worker dies before it has published one.

The program in docs/events-out.md takes each of them once.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import jsonschema
import pytest

from tests.support.aws_calls import calls_of, deletes_messages
from tests.support.fault_proxy import FaultProxy
from tests.support.sounds import sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess
from worker.application.messages.schema import event_schema

PAGE = Path(__file__).parents[2] / "docs" / "events-out.md"
Event = dict[str, Any]


@dataclass
class Listener:
    """A queue that hears of a topic and of a bus, and the table of what the program has seen."""

    stack: Stack
    queue_url: str
    seen_table: str
    topic_arn: str
    bus: str

    @property
    def settings(self) -> dict[str, str]:
        return {"WORKER_EVENT_TOPIC_ARN": self.topic_arn, "WORKER_EVENT_BUS": self.bus}

    def take(self) -> list[Event]:
        """The events that the program has not seen before."""
        names: dict[str, Any] = {}
        (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        exec(compile(code, "events-out.md", "exec"), names)
        taken: list[Event] = []
        aws = self.stack.aws
        names["take_ends"](_Impatient(aws["sqs"]), aws["dynamodb"], self.queue_url, self.seen_table, taken.append)
        return taken

    def messages(self) -> int:
        """How many wait."""
        return self.stack.messages_in(self.queue_url)


class _Impatient:
    """SQS without the wait of twenty seconds for messages that do not come."""

    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            arguments.pop("WaitTimeSeconds", None)
            return getattr(self._sqs, name)(**arguments)

        return call


@pytest.fixture(name="listener")
def listener_fixture(stack: Stack) -> Iterator[Listener]:
    name = stack.table
    sqs = stack.aws["sqs"]
    queue_url = sqs.create_queue(QueueName=f"{name}-ends")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    stack.aws["dynamodb"].create_table(
        TableName=f"{name}-seen",
        KeySchema=[{"AttributeName": "event_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "event_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with ExitStack() as clients:
        sns, events = (boto3.client(service, endpoint_url=stack.endpoint) for service in ("sns", "events"))
        clients.callback(sns.close)
        clients.callback(events.close)
        topic_arn = sns.create_topic(Name=name)["TopicArn"]
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
        events.create_event_bus(Name=name)
        pattern = json.dumps({"source": ["audio-conversion-worker"]})
        events.put_rule(Name=f"{name}-ends", EventBusName=name, EventPattern=pattern)
        events.put_targets(Rule=f"{name}-ends", EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])
        yield Listener(stack, queue_url, f"{name}-seen", topic_arn, name)


def a_job(stack: Stack, job_id: str) -> dict[str, Any]:
    source = stack.put_source("a.wav", sound("plain.wav"))
    return {"job_id": job_id, "source": source, "outputs": [{"target": stack.target("a.mp3"), "format": "mp3"}]}


def is_done_with(stack: Stack) -> bool | None:
    """Whether the queue of jobs is empty; None while it is not, for `wait_for`."""
    return stack.messages_in(stack.queue_url) == 0 or None


@pytest.fixture
def good(unique: Callable[[str], str]) -> str:
    """The id of a job. All tests have one Redis, which keeps the records of ended jobs."""
    return unique("good")


def test_a_program_takes_each_end_once_though_it_comes_by_both_ways_and_again(
    stack: Stack, listener: Listener, start_worker: Callable[..., WorkerProcess], good: str
) -> None:
    job = a_job(stack, good)
    stack.send(job)
    start_worker(stack, **listener.settings)
    wait_for(lambda: listener.messages() == 2 or None, "the end by both ways")
    stack.send({**job, "job_id": "bad", "outputs": []})
    stack.send(job)
    wait_for(lambda: listener.messages() == 6 or None, "the other ends, and the first one again")

    ends = {event["record"]["job_id"]: event for event in listener.take()}

    assert {job_id: event["type"] for job_id, event in ends.items()} == {good: "job.completed", "bad": "job.failed"}
    for event in ends.values():
        jsonschema.validate(event, event_schema())
    assert ends[good]["record"]["outputs"][0]["bytes"] > 0
    assert listener.messages() == 0


def test_the_end_that_a_killed_worker_did_not_publish_is_published_by_the_next(
    stack: Stack, listener: Listener, start_worker: Callable[..., WorkerProcess], good: str
) -> None:
    short = {"WORKER_VISIBILITY_TIMEOUT_SECONDS": "3", "WORKER_EVENT_TOPIC_ARN": listener.topic_arn}
    with FaultProxy(stack.endpoint).running() as proxy:
        proxy.hold(calls_of("Publish"))
        stack.send(a_job(stack, good))
        first = start_worker(stack, AWS_ENDPOINT_URL=proxy.url, **short)
        proxy.wait_held()
        assert stack.status(good) == "completed"
        first.signal(signal.SIGKILL)
        first.wait()
        assert (stack.messages_in(stack.queue_url), listener.messages()) == (1, 0)

    start_worker(stack, **short)

    wait_for(lambda: is_done_with(stack), "the end of the message")
    assert [event["record"]["job_id"] for event in listener.take()] == [good]


def test_the_end_that_a_worker_published_before_it_was_killed_comes_again_with_the_same_id(
    stack: Stack, listener: Listener, start_worker: Callable[..., WorkerProcess], good: str
) -> None:
    short = {"WORKER_VISIBILITY_TIMEOUT_SECONDS": "3", "WORKER_EVENT_TOPIC_ARN": listener.topic_arn}
    with FaultProxy(stack.endpoint).running() as proxy:
        proxy.hold(deletes_messages)
        stack.send(a_job(stack, good))
        first = start_worker(stack, AWS_ENDPOINT_URL=proxy.url, **short)
        proxy.wait_held()
        first.signal(signal.SIGKILL)
        first.wait()
        assert (stack.messages_in(stack.queue_url), listener.messages()) == (1, 1)

    second = start_worker(stack, **short)

    wait_for(lambda: is_done_with(stack), "the end of the message")
    assert listener.messages() == 2
    assert [event["record"]["job_id"] for event in listener.take()] == [good]  # the other has the same event_id
    assert "job.started" not in [line["event"] for line in second.lines]


def test_a_worker_that_cannot_publish_an_end_keeps_the_message_and_the_job_is_done(
    stack: Stack, listener: Listener, start_worker: Callable[..., WorkerProcess], good: str
) -> None:
    with FaultProxy(stack.endpoint).running() as proxy:
        proxy.refuse(calls_of("PutEvents"), 500, "InternalFailure")
        stack.send(a_job(stack, good))
        worker = start_worker(stack, AWS_ENDPOINT_URL=proxy.url, WORKER_EVENT_BUS=listener.bus)
        line = worker.wait_for("event.publish_failed")
        assert (line["level"], line["publisher"]) == ("warning", "eventbridge")
        assert line["error"] == "EventBridge answered InternalFailure"
        assert line["event_id"].startswith(f"{good}:")
        assert stack.status(good) == "completed"
        assert stack.messages_in(stack.queue_url) == 1
        proxy.restore()
        wait_for(lambda: is_done_with(stack), "the end of the message")

    assert [event["type"] for event in listener.take()] == ["job.completed"]
