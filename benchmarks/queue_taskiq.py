"""A contender of `make bench-queue`: taskiq with its SQS broker, on the queue that it is given.

With its fastest settings: ten messages a receive, no heartbeat, no result store, one process and no supervisor.
"""

from __future__ import annotations

import asyncio
import os
import sys

from taskiq.api import run_receiver_task
from taskiq_aio_sqs import SQSBroker

from benchmarks.queue_jobs import CONCURRENCY, LEASE_SECONDS, TASK


async def nothing(job_id: str) -> None:
    """Do nothing."""


async def main(queue_url: str) -> None:
    broker = SQSBroker(
        queue_url.rpartition("/")[2],
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        region_name=os.environ["AWS_REGION"],
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        max_number_of_messages=10,
        wait_time_seconds=5,
        visibility_timeout=LEASE_SECONDS,
    )
    broker.register_task(nothing, task_name=TASK)
    await run_receiver_task(broker, max_async_tasks=CONCURRENCY, max_prefetch=CONCURRENCY, run_startup=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
