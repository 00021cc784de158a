"""What the doctor hears from real and emulated dependencies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.support.aws import a_bucket, a_table
from worker.adapters.disk import free_bytes_of
from worker.adapters.dynamodb.inspection import inspect_table
from worker.adapters.ffmpeg.inspection import inspect_converter
from worker.adapters.s3.inspection import inspect_bucket
from worker.adapters.sqs.inspection import inspect_queue
from worker.domain.audio import AudioFormat
from worker.ports import DependencyMissingError, QueueFacts, TableFacts

Unique = Callable[[str], str]


async def test_a_queue_tells_of_its_dead_letter_queue(sqs_client: Any, unique: Unique) -> None:
    dead = (await sqs_client.create_queue(QueueName=unique("dead")))["QueueUrl"]
    answer = await sqs_client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 7})
    url = (await sqs_client.create_queue(QueueName=unique("queue"), Attributes={"RedrivePolicy": redrive}))["QueueUrl"]
    assert await inspect_queue(sqs_client, url) == QueueFacts(0, 0, False, 345_600, arn, 7)


async def test_a_queue_without_one_says_so(sqs_client: Any, unique: Unique) -> None:
    name = unique("queue") + ".fifo"
    url = (await sqs_client.create_queue(QueueName=name, Attributes={"FifoQueue": "true"}))["QueueUrl"]
    assert await inspect_queue(sqs_client, url) == QueueFacts(0, 0, True, 345_600, None, None)


async def test_a_queue_that_is_not_there_is_missing(sqs_client: Any, aws_endpoint: str, unique: Unique) -> None:
    with pytest.raises(DependencyMissingError, match="the queue does not exist"):
        await inspect_queue(sqs_client, f"{aws_endpoint}/123456789012/{unique('queue')}")


async def test_a_table_tells_of_its_key_and_expiry(dynamodb_client: Any, unique: Unique) -> None:
    name = unique("table")
    await dynamodb_client.create_table(**a_table(name))
    assert await inspect_table(dynamodb_client, name) == TableFacts("ACTIVE", ("job_id", "S"), None, None)
    expiry = {"Enabled": True, "AttributeName": "expires_at"}
    await dynamodb_client.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    assert await inspect_table(dynamodb_client, name) == TableFacts("ACTIVE", ("job_id", "S"), None, "expires_at")


async def test_a_table_that_is_not_there_is_missing(dynamodb_client: Any, unique: Unique) -> None:
    name = unique("table")
    with pytest.raises(DependencyMissingError, match=f"table {name} does not exist"):
        await inspect_table(dynamodb_client, name)


async def test_a_bucket_is_there_or_missing(s3_client: Any, unique: Unique) -> None:
    name = unique("bucket")
    with pytest.raises(DependencyMissingError, match=f"bucket {name} does not exist"):
        await inspect_bucket(s3_client, name)
    await s3_client.create_bucket(**a_bucket(name))
    await inspect_bucket(s3_client, name)


async def test_the_converter_tells_its_version_and_formats_or_does_not_work(tmp_path: Path) -> None:
    facts = await inspect_converter(Path(imageio_ffmpeg.get_ffmpeg_exe()))
    assert facts.version >= (6, 0)
    assert set(facts.formats) == set(AudioFormat)
    with pytest.raises(DependencyMissingError, match="that can be run at"):
        await inspect_converter(tmp_path / "ffmpeg")
    with pytest.raises(DependencyMissingError, match="that works at"):
        await inspect_converter(Path("/bin/false"))
    with pytest.raises(DependencyMissingError, match="an ffmpeg at"):
        await inspect_converter(Path("/bin/echo"))


def test_a_workspace_may_be_yet_to_be_made(tmp_path: Path) -> None:
    assert free_bytes_of(tmp_path / "a" / "b") > 0
