"""What each dependency says of itself when the doctor asks, or a worker at its start; no job ever waits for it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from worker.adapters.aws.client import translated
from worker.domain.diagnosis import (
    DependencyMissingError,
    NotAllowedError,
    QueueFacts,
    TableFacts,
)
from worker.domain.errors import DependencyUnavailableError

_DENIED = ("AccessDenied", "AccessDeniedException", "403")


async def inspect_queue(client: Any, queue_url: str) -> QueueFacts:
    """Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
    errors = dict.fromkeys(_DENIED, lambda: NotAllowedError("sqs:GetQueueAttributes")) | dict.fromkeys(
        ("NonExistentQueue", "QueueDoesNotExist"), lambda: DependencyMissingError("the queue")
    )
    with translated("SQS", errors):
        response = await client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    attributes = response["Attributes"]
    redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
    return QueueFacts(
        visible=int(attributes["ApproximateNumberOfMessages"]),
        in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        is_fifo=attributes.get("FifoQueue") == "true",
        retention_seconds=int(attributes["MessageRetentionPeriod"]),
        dead_letter_queue=redrive.get("deadLetterTargetArn"),
        max_receive_count=int(redrive["maxReceiveCount"]) if "maxReceiveCount" in redrive else None,
    )


async def inspect_table(client: Any, table: str) -> TableFacts:
    """Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
    errors = dict.fromkeys(_DENIED, lambda: NotAllowedError("dynamodb:DescribeTable")) | {
        "ResourceNotFoundException": lambda: DependencyMissingError(f"table {table}")
    }
    with translated("DynamoDB", errors):
        description = (await client.describe_table(TableName=table))["Table"]
    types = {item["AttributeName"]: item["AttributeType"] for item in description["AttributeDefinitions"]}
    keys = {key["KeyType"]: (key["AttributeName"], types[key["AttributeName"]]) for key in description["KeySchema"]}
    try:
        expiry, is_known = await _expiry(client, table), True
    except (NotAllowedError, DependencyUnavailableError):
        expiry, is_known = None, False
    return TableFacts(description["TableStatus"], keys["HASH"], keys.get("RANGE"), expiry, is_known)


async def _expiry(client: Any, table: str) -> str | None:
    errors = dict.fromkeys(_DENIED, lambda: NotAllowedError("dynamodb:DescribeTimeToLive"))
    with translated("DynamoDB", errors):
        response = await client.describe_time_to_live(TableName=table)
    expiry = response["TimeToLiveDescription"]
    is_on = expiry["TimeToLiveStatus"] in {"ENABLED", "ENABLING"}
    return str(expiry["AttributeName"]) if is_on else None


async def inspect_bucket(client: Any, bucket: str) -> None:
    """See that the bucket exists. Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
    errors = dict.fromkeys(_DENIED, lambda: NotAllowedError("s3:ListBucket")) | dict.fromkeys(
        ("404", "NoSuchBucket"), lambda: DependencyMissingError(f"bucket {bucket}")
    )
    with translated("S3", errors):
        await client.head_bucket(Bucket=bucket)


def free_bytes_of(directory: Path) -> int:
    """What can be written under `directory`, which need not exist yet. Raises DependencyMissingError."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DependencyMissingError(f"a directory that can be written to at {directory}")
    return shutil.disk_usage(existing).free
