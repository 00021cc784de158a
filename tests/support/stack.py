"""A queue with its dead-letter queue, a table and two buckets, and what producers and readers do with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3  # type: ignore[import-untyped]
import redis

from tests.support.aws import a_bucket, an_indexed_table, aws_environment
from tests.support.worker_process import WorkerProcess

T = TypeVar("T")


@dataclass(frozen=True)
class Stack:
    """The AWS resources and the Redis that one worker uses. `aws` holds a boto3 client for each service."""

    aws: dict[str, Any]
    endpoint: str
    queue_url: str
    dead_letter_url: str
    table: str
    sources: str
    targets: str
    redis_port: int | None

    def environment(self) -> dict[str, str]:
        """The settings of a worker on this stack."""
        environment = {
            "WORKER_QUEUE_URL": self.queue_url,
            "WORKER_TABLE": self.table,
            "WORKER_HTTP_PORT": "0",
            "WORKER_LOG_FORMAT": "json",
        }
        environment |= aws_environment(self.endpoint)
        if self.redis_port is not None:
            environment |= {
                "REDIS_ENDPOINT": "127.0.0.1",
                "REDIS_PORT": str(self.redis_port),
                "REDIS_TLS": "false",
            }
        return environment

    def put_source(self, key: str, data: bytes | Path) -> str:
        """Upload a source; returns its URL."""
        body = data.read_bytes() if isinstance(data, Path) else data
        self.aws["s3"].put_object(Bucket=self.sources, Key=key, Body=body)
        return f"s3://{self.sources}/{key}"

    def target(self, key: str) -> str:
        return f"s3://{self.targets}/{key}"

    def send(self, body: object) -> str:
        """Put a message on the queue, JSON unless it is text already; returns the message's id."""
        text = body if isinstance(body, str) else json.dumps(body)
        answer = self.aws["sqs"].send_message(QueueUrl=self.queue_url, MessageBody=text)
        message_id: str = answer["MessageId"]
        return message_id

    def send_job(self, job_id: str, source: str, *outputs: dict[str, Any]) -> None:
        self.send({"job_id": job_id, "source": source, "outputs": list(outputs)})

    def item(self, job_id: str) -> dict[str, Any] | None:
        """The job's item in DynamoDB."""
        answer = self.aws["dynamodb"].get_item(
            TableName=self.table, Key={"job_id": {"S": job_id}}, ConsistentRead=True
        )
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def status(self, job_id: str) -> str | None:
        """The job's status in DynamoDB."""
        item = self.item(job_id)
        return None if item is None else item["status"]["S"]

    def record(self, job_id: str) -> dict[str, Any] | None:
        """The job's record in Redis."""
        assert self.redis_port is not None
        with redis.Redis(port=self.redis_port) as client:
            text = client.hget(f"audio:job:{job_id}", "record")
        return None if text is None else json.loads(text)

    def final_record(self, job_id: str) -> dict[str, Any]:
        """Wait for the job's final record, in both stores."""
        final = {"completed", "failed", "cancelled"}

        def look() -> dict[str, Any] | None:
            record = self.record(job_id)
            return record if record is not None and record["status"] in final else None

        record = wait_for(look, f"a final record of {job_id}")
        assert self.status(job_id) == record["status"]
        return record

    def output(self, key: str) -> bytes:
        body: bytes = self.aws["s3"].get_object(Bucket=self.targets, Key=key)["Body"].read()
        return body

    def messages_in(self, queue_url: str) -> int:
        """How many messages a queue holds, in flight or not.

        The emulator counts the two kinds one after the other, and misses a message that becomes visible meanwhile. So
        it is asked until two answers are equal.
        """
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def count() -> int:
            attributes = self.aws["sqs"].get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
            return sum(int(attributes[name]) for name in names)

        last, now = count(), count()
        while now != last:
            last, now = now, count()
        return now

    def take_dead_letter(self, body: str) -> dict[str, Any]:
        """Wait for the dead letter with that body and remove it from its queue."""

        def look() -> dict[str, Any] | None:
            found = self.aws["sqs"].receive_message(
                QueueUrl=self.dead_letter_url,
                MessageAttributeNames=["All"],
                MaxNumberOfMessages=10,
                VisibilityTimeout=0,
                WaitTimeSeconds=0,
            )
            return next((letter for letter in found.get("Messages", []) if letter["Body"] == body), None)

        letter = wait_for(look, "a dead letter")
        self.aws["sqs"].delete_message(QueueUrl=self.dead_letter_url, ReceiptHandle=letter["ReceiptHandle"])
        return letter


@dataclass(frozen=True)
class Deployment:
    """A stack and a worker that runs on it."""

    stack: Stack
    worker: WorkerProcess


@contextmanager
def aws_clients(endpoint: str) -> Iterator[dict[str, Any]]:
    """boto3 clients, by service."""
    with ExitStack() as stack:
        clients = {}
        for service in ("sqs", "s3", "dynamodb"):
            clients[service] = client = boto3.client(service, endpoint_url=endpoint)
            stack.callback(client.close)
        yield clients


def make_stack(aws: dict[str, Any], name: str, *, endpoint: str, redis_port: int | None) -> Stack:
    sqs = aws["sqs"]
    dead_letter_url = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    dead_letter_arn = sqs.get_queue_attributes(QueueUrl=dead_letter_url, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": dead_letter_arn["QueueArn"], "maxReceiveCount": 1000}
    queue_url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(redrive)})["QueueUrl"]
    aws["dynamodb"].create_table(**an_indexed_table(name))
    buckets = (f"{name}-in", f"{name}-out")
    for bucket in buckets:
        aws["s3"].create_bucket(**a_bucket(bucket))
    return Stack(aws, endpoint, queue_url, dead_letter_url, name, *buckets, redis_port)


def wait_for(look: Callable[[], T | None], what: str, *, timeout: float = 60) -> T:
    """Call `look` until it returns something other than None, and return that.

    Raises AssertionError after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} was not there within {timeout} s")
        time.sleep(0.02)
    return found
