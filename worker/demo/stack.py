"""What the demo's worker uses: queue, dead-letter queue, table and buckets in an emulated AWS, and a Redis."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aioboto3

from worker.adapters.aws.client import ClientLimits, open_client
from worker.demo import servers
from worker.demo.servers import Server

REGION = "eu-central-1"
SOURCES = "demo-sources"
TARGETS = "demo-targets"
_QUEUE = "demo-jobs"
_TABLE = "demo-jobs"
_LIMITS = ClientLimits(connect_seconds=5, read_seconds=30, attempts=2, connections=10)


@dataclass(frozen=True, slots=True)
class Stack:
    """The servers, and the settings that name them."""

    redis: Server
    environment: Mapping[str, str]


@asynccontextmanager
async def open_stack() -> AsyncIterator[Stack]:
    """Start the servers on 127.0.0.1. Inside the `with`, the AWS variables of this process name them alone."""
    with servers.aws() as aws, servers.redis() as redis, _only(_credentials(aws)):
        queue_url = await _create()
        settings = {
            "WORKER_QUEUE_URL": queue_url,
            "WORKER_TABLE": _TABLE,
            "REDIS_ENDPOINT": servers.HOST,
            "REDIS_PORT": str(redis.port),
            "REDIS_TLS": "false",
        }
        yield Stack(redis, _credentials(aws) | settings)


def _credentials(aws: Server) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://{servers.HOST}:{aws.port}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def _only(values: Mapping[str, str]) -> Iterator[None]:
    """Inside the `with`, these are the only AWS variables; what the user has set is restored afterwards."""
    before = dict(os.environ)
    try:
        for name in [name for name in before if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(values)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _create() -> str:
    """Make buckets, table and queues, as a deployment would. Returns the queue's URL."""
    session = aioboto3.Session()
    async with (
        open_client(session, "sqs", _LIMITS) as sqs,
        open_client(session, "s3", _LIMITS) as s3,
        open_client(session, "dynamodb", _LIMITS) as dynamodb,
    ):
        for bucket in (SOURCES, TARGETS):
            await s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        await dynamodb.create_table(
            TableName=_TABLE,
            KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "job_id", "AttributeType": "S"},
                {"AttributeName": "status", "AttributeType": "S"},
                {"AttributeName": "status_at", "AttributeType": "N"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "jobs-by-status",
                    "KeySchema": [
                        {"AttributeName": "status", "KeyType": "HASH"},
                        {"AttributeName": "status_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        await dynamodb.update_time_to_live(
            TableName=_TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
        return await _create_queue(sqs)


async def _create_queue(sqs: Any) -> str:
    dead = (await sqs.create_queue(QueueName=f"{_QUEUE}-dead"))["QueueUrl"]
    attributes = (await sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"]))["Attributes"]
    redrive = json.dumps({"deadLetterTargetArn": attributes["QueueArn"], "maxReceiveCount": 100})
    url: str = (await sqs.create_queue(QueueName=_QUEUE, Attributes={"RedrivePolicy": redrive}))["QueueUrl"]
    return url
