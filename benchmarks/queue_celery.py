"""A contender of `make bench-queue`: celery with SQS, on the queue that it is given.

64 threads in one process. `early`, its default, deletes a message before the work begins, so that a crash loses the
job; `late` deletes it after the work, as all other contenders do.
"""

from __future__ import annotations

import os
import sys

from celery import Celery

from benchmarks.queue_jobs import CONCURRENCY, LEASE_SECONDS, TASK


def nothing(job_id: str) -> None:
    """Do nothing."""


def main(queue_url: str, deletes: str) -> None:
    credentials = f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}"
    app = Celery("bench", broker=os.environ["AWS_ENDPOINT_URL"].replace("http://", f"sqs://{credentials}@"))
    app.conf.update(
        broker_transport_options={
            "region": os.environ["AWS_REGION"],
            "is_secure": False,
            "visibility_timeout": LEASE_SECONDS,
            "wait_time_seconds": 5,
        },
        task_default_queue=queue_url.rpartition("/")[2],
        task_acks_late=deletes == "late",
        task_ignore_result=True,
        worker_enable_remote_control=False,
    )
    app.task(nothing, name=TASK)
    options = ["--pool", "threads", "--concurrency", str(CONCURRENCY), "--loglevel", "warning"]
    app.worker_main(["worker", *options, "--without-gossip", "--without-mingle", "--without-heartbeat"])


if __name__ == "__main__":
    main(*sys.argv[1:3])
