"""What an inspection finds at real and emulated dependencies."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.support.aws import a_bucket, a_table
from tests.support.processes import processes_of
from tests.support.waiting import wait_until
from worker.adapters.disk import free_bytes_of
from worker.adapters.dynamodb.inspection import inspect_table
from worker.adapters.ffmpeg.inspection import inspect_converter
from worker.adapters.s3.inspection import inspect_bucket
from worker.adapters.sqs.inspection import inspect_queue
from worker.application.operations.diagnosis import MIN_CONVERTER_VERSION, State, judge_converter
from worker.domain.audio import AudioFormat
from worker.ports import DependencyMissingError, QueueFacts, TableFacts, UnusableConverterError

Unique = Callable[[str], str]


async def test_the_facts_of_a_queue_name_its_dead_letter_queue(sqs_client: Any, unique: Unique) -> None:
    dead = (await sqs_client.create_queue(QueueName=unique("dead")))["QueueUrl"]
    answer = await sqs_client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 7})
    url = (await sqs_client.create_queue(QueueName=unique("queue"), Attributes={"RedrivePolicy": redrive}))["QueueUrl"]
    assert await inspect_queue(sqs_client, url) == QueueFacts(0, 0, False, 345_600, arn, 7)


async def test_a_queue_without_a_dead_letter_queue_has_none_in_its_facts(sqs_client: Any, unique: Unique) -> None:
    name = unique("queue") + ".fifo"
    url = (await sqs_client.create_queue(QueueName=name, Attributes={"FifoQueue": "true"}))["QueueUrl"]
    assert await inspect_queue(sqs_client, url) == QueueFacts(0, 0, True, 345_600, None, None)


async def test_a_queue_that_is_not_there_is_missing(sqs_client: Any, aws_endpoint: str, unique: Unique) -> None:
    with pytest.raises(DependencyMissingError, match="the queue does not exist"):
        await inspect_queue(sqs_client, f"{aws_endpoint}/123456789012/{unique('queue')}")


async def test_the_facts_of_a_table_have_its_key_and_expiry(dynamodb_client: Any, unique: Unique) -> None:
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


async def test_the_facts_of_the_converter_have_its_version_and_formats() -> None:
    facts = await inspect_converter(Path(imageio_ffmpeg.get_ffmpeg_exe()))
    assert facts.version >= MIN_CONVERTER_VERSION
    assert set(facts.formats) == set(AudioFormat)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "cannot be run"),
        ("no program", "cannot be run"),
        ("#!/bin/sh\n", "is no ffmpeg: with -version it prints no version of ffmpeg"),
        ("#!/bin/sh\necho something else\n", "is no ffmpeg: with -version it prints no version of ffmpeg"),
        ("#!/bin/sh\nexit 3\n", "is no ffmpeg that works: with -version it ends with exit code 3"),
        ("#!/bin/sh\nkill -9 $$\n", "is no ffmpeg that works: with -version it ends with signal 9"),
    ],
    ids=["missing", "no program", "silent", "other", "fails", "killed"],
)
async def test_a_program_that_is_no_ffmpeg_is_refused_with_the_true_reason(
    text: str | None, problem: str, tmp_path: Path
) -> None:
    program = tmp_path / "ffmpeg"
    if text is not None:
        program.write_text(text)
        program.chmod(0o755)

    with pytest.raises(UnusableConverterError) as refused:
        await inspect_converter(program)
    assert str(refused.value).startswith(f"{program} {problem}")


@pytest.mark.parametrize("command", ["sleep 1000", "yes"], ids=["hangs", "floods"])
async def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(command: str, tmp_path: Path) -> None:
    program, link = tmp_path / "ffmpeg", tmp_path / "command"  # its own name tells the process from others
    link.symlink_to(shutil.which(command.split(maxsplit=1)[0]) or "")
    command = command.replace(command.split(maxsplit=1)[0], str(link))
    program.write_text(f"#!/bin/sh\n{command} &\n{command}\n")
    program.chmod(0o755)

    inspection = asyncio.create_task(inspect_converter(program))
    await wait_until(lambda: processes_of(str(link)))
    inspection.cancel()
    with pytest.raises(asyncio.CancelledError):
        await inspection
    await wait_until(lambda: not processes_of(str(link)))


@pytest.mark.skipif(not Path("/usr/bin/ffmpeg").exists(), reason="the distribution's ffmpeg is not installed")
async def test_the_distributions_converter_is_judged_by_the_version_that_it_prints() -> None:
    facts = await inspect_converter(Path("/usr/bin/ffmpeg"))

    assert facts.version[0] >= 4
    assert (judge_converter(facts).state is State.FAILED) == (facts.version < MIN_CONVERTER_VERSION)


def test_a_workspace_may_be_yet_to_be_made(tmp_path: Path) -> None:
    assert free_bytes_of(tmp_path / "a" / "b") > 0
