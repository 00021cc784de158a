"""What the contenders of `make bench-queue` share, and a job in the message format of each."""

from __future__ import annotations

import base64
import json

from worker.domain.job import ObjectLocation

CONCURRENCY = 64
LEASE_SECONDS = 60
TASK = "bench.nothing"
TABLE = "bench-jobs"
SOURCE = ObjectLocation("bench-sources", "sound.wav")
TARGETS = "bench-targets"


def audio_job(job_id: str) -> str:
    """A job in the worker's format."""
    outputs = [{"target": f"s3://{TARGETS}/{job_id}.flac", "format": "flac"}]
    return json.dumps({"job_id": job_id, "source": str(SOURCE), "outputs": outputs})


def taskiq_job(job_id: str) -> str:
    """A job in taskiq's format (https://taskiq-python.github.io/guide/message-format.html)."""
    return json.dumps({"task_id": job_id, "task_name": TASK, "labels": {}, "args": [job_id], "kwargs": {}})


def celery_job(job_id: str) -> str:
    """A job in celery's format (https://docs.celeryq.dev/en/stable/internals/protocol.html), in kombu's envelope."""
    options = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    properties = {
        "correlation_id": job_id,
        "body_encoding": "base64",
        "delivery_info": {"exchange": "", "routing_key": ""},
        "delivery_mode": 2,
        "priority": 0,
    }
    envelope = {
        "body": _base64([[job_id], {}, options]),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"lang": "py", "task": TASK, "id": job_id, "root_id": job_id, "retries": 0, "ignore_result": True},
        "properties": properties,
    }
    return _base64(envelope)


def _base64(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()
