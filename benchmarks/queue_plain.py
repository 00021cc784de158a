"""A contender of `make bench-queue`: a plain receive loop, on the queue that it is given.

`nothing` does nothing for a job; `records` makes the four calls to DynamoDB by which the worker's handler claims a job
and keeps its record.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig

from benchmarks.queue_jobs import CONCURRENCY, LEASE_SECONDS, TABLE

Work = Callable[[str], Awaitable[None]]


async def main(queue_url: str, kind: str) -> None:
    """Receive ten messages at a time, delete them one by one. Without renewals, retries or a drain."""
    config = AioConfig(max_pool_connections=CONCURRENCY + 1)  # the default of 10 would delay the deletes
    session = aioboto3.Session()
    async with session.client("sqs", config=config) as sqs, session.client("dynamodb", config=config) as dynamodb:
        await _consume(sqs, queue_url, partial(_keep_records, dynamodb) if kind == "records" else _do_nothing)


async def _consume(sqs: Any, queue_url: str, work: Work) -> None:
    slots = asyncio.Semaphore(CONCURRENCY)
    async with asyncio.TaskGroup() as jobs:
        while True:
            answer = await sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=LEASE_SECONDS, WaitTimeSeconds=5
            )
            for message in answer.get("Messages", ()):
                await slots.acquire()
                jobs.create_task(_process(sqs, queue_url, message, work, slots))


async def _process(sqs: Any, queue_url: str, message: Any, work: Work, slots: asyncio.Semaphore) -> None:
    try:
        await work(message["Body"])
        await sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    finally:
        slots.release()


async def _do_nothing(body: str) -> None:
    pass


async def _keep_records(dynamodb: Any, body: str) -> None:
    key = {"job_id": {"S": json.loads(body)["job_id"]}}
    await dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
    for seq in range(1, 4):  # the claim, the check before the outputs are published, the final record
        await dynamodb.update_item(
            TableName=TABLE,
            Key=key,
            UpdateExpression="SET #seq = :seq, #record = :record",
            ConditionExpression="attribute_not_exists(job_id) OR #seq < :seq",
            ExpressionAttributeNames={"#seq": "seq", "#record": "record"},
            ExpressionAttributeValues={":seq": {"N": str(seq)}, ":record": {"S": body}},
        )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
