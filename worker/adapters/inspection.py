"""What each dependency says of itself when the doctor asks, or a worker at its start; no job ever waits for it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from worker.adapters.aws.client import translated
from worker.domain.diagnosis import (
    ConverterFacts,
    DependencyMissingError,
    NotAllowedError,
    QueueFacts,
    TableFacts,
)
from worker.domain.errors import DependencyUnavailableError

_VERSION = re.compile(r"ffmpeg version n?(\S+)")
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


async def inspect_converter(ffmpeg: Path) -> ConverterFacts:
    """Raises DependencyMissingError where it cannot be run."""
    version = _VERSION.search(await _output_of(ffmpeg, "-version"))
    if version is None:
        raise DependencyMissingError(f"an ffmpeg at {ffmpeg}")
    encoders = await _output_of(ffmpeg, "-hide_banner", "-encoders")
    text = version[1]
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return ConverterFacts(
        version=tuple(map(int, numbers[0].split("."))) if numbers else (),
        version_text=text,
        encoders={words[1] for line in encoders.splitlines() if len(words := line.split()) > 1 and words[0][0] == "A"},
    )


async def _output_of(program: Path, *arguments: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as exc:
        raise DependencyMissingError(f"a converter that can be run at {program}") from exc
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise DependencyMissingError(f"a converter that works at {program}")
    return output.decode(errors="replace")


def free_bytes_of(directory: Path) -> int:
    """What can be written under `directory`, which need not exist yet. Raises DependencyMissingError."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DependencyMissingError(f"a directory that can be written to at {directory}")
    return shutil.disk_usage(existing).free
