"""The programs in docs/messages.md and docs/progress.md do what the pages say, beside a real worker."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.sounds import sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(name="program", scope="module")
def program_fixture() -> dict[str, Any]:
    """The functions of both pages."""
    names: dict[str, Any] = {}
    for page in ("messages.md", "progress.md"):
        for code in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL):
            exec(compile(code, page, "exec"), names)
    return names


def a_job(stack: Stack, job_id: str) -> dict[str, Any]:
    source = stack.put_source("a.wav", sound("plain.wav"))
    return {"job_id": job_id, "source": source, "outputs": [{"target": stack.target("a.mp3"), "format": "mp3"}]}


def test_a_program_submits_a_job_and_reads_it_to_its_end(
    program: dict[str, Any],
    stack: Stack,
    start_worker: Callable[..., WorkerProcess],
    unique: Callable[[str], str],
) -> None:
    dynamodb, sqs = stack.aws["dynamodb"], stack.aws["sqs"]
    job = a_job(stack, unique("job"))

    program["submit"](dynamodb, sqs, stack.table, stack.queue_url, job)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        program["submit"](dynamodb, sqs, stack.table, stack.queue_url, job)
    record, fresh = program["read_record"](dynamodb, None, stack.table, job["job_id"])
    assert (record["status"], record["fence"], fresh) == ("queued", 0, True)

    start_worker(stack)
    assert stack.redis_port is not None
    with redis.Redis(port=stack.redis_port) as cache:

        def final() -> dict[str, Any] | None:
            found, _ = program["read_record"](dynamodb, cache, stack.table, job["job_id"])
            return found if found["status"] == "completed" else None

        record = wait_for(final, "the end of the job")
    assert record["created_at"] <= record["updated_at"]
    with redis.Redis(port=1) as nobody:
        assert program["read_record"](dynamodb, nobody, stack.table, job["job_id"]) == (record, False)
    assert program["cancel"](dynamodb, stack.table, job["job_id"]) is False


def test_a_program_cancels_a_job_that_waits(
    program: dict[str, Any],
    stack: Stack,
    start_worker: Callable[..., WorkerProcess],
    unique: Callable[[str], str],
) -> None:
    dynamodb = stack.aws["dynamodb"]
    job = a_job(stack, unique("job"))
    program["submit"](dynamodb, stack.aws["sqs"], stack.table, stack.queue_url, job)

    assert program["cancel"](dynamodb, stack.table, job["job_id"]) is True
    start_worker(stack)
    wait_for(lambda: stack.status(job["job_id"]) == "cancelled" or None, "the end of the job")
    assert program["cancel"](dynamodb, stack.table, "nobody") is False
