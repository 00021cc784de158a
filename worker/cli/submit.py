"""`worker submit`: put a job on the queue, uploading its source first where it is a local file."""

from __future__ import annotations

import json
import os
import secrets
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from worker.application.messages.message import parse_job
from worker.bootstrap import Client
from worker.cli.console import say
from worker.cli.exits import ExitCode, UsageError
from worker.cli.session import run_with_client
from worker.cli.watch import follow
from worker.domain.audio import FORMATS
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, readable_id_part
from worker.settings import SUBMIT


def command(arguments: Namespace) -> int:
    job, local_source = read_job(arguments)
    return run_with_client(SUBMIT, lambda client: submit(client, job, local_source, wait=arguments.wait))


async def submit(client: Client, job: Job, local_source: Path | None, *, wait: bool) -> int:
    """Upload the source if it is a local file, submit the job, print its id, and follow it if asked to."""
    if local_source is not None:
        await client.objects.upload_file(local_source, job.source)
    await client.submission.submit(job, traceparent=os.environ.get("TRACEPARENT"))
    say(job.job_id)
    return await follow(client.reader, job.job_id) if wait else ExitCode.OK


def read_job(arguments: Namespace) -> tuple[Job, Path | None]:
    """The job that is asked for, and the file to upload first. Raises UsageError."""
    is_remote = arguments.source.startswith("s3://")
    if is_remote == (arguments.upload_to is not None):
        problem = "--upload-to is for local files" if is_remote else "a local SOURCE needs --upload-to s3://…"
        raise UsageError(problem)
    job_id = arguments.job_id or new_job_id(arguments.source)
    file = None if is_remote else Path(arguments.source)
    if file is not None and not file.is_file():
        raise UsageError(f"{file} is not a file")
    source = arguments.source if file is None else f"{arguments.upload_to.rstrip('/')}/{job_id}/{file.name}"
    try:
        return parse_job(
            json.dumps({"job_id": job_id, "source": source, "outputs": _outputs(arguments.outputs)})
        ), file
    except InvalidMessageError as exc:
        raise UsageError(str(exc)) from exc


def _outputs(outputs: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if not outputs:
        raise UsageError("give at least one --output")
    return [{"format": _format_of(output["target"]), **output} for output in outputs]


def _format_of(target: str) -> str:
    """What the extension says, where it is one of a format's."""
    extension = target.rpartition("/")[2].rpartition(".")[2].lower()
    return next((name.value for name, rules in FORMATS.items() if extension in rules.extensions), "")


def new_job_id(source: str) -> str:
    """A readable id that no other job has, such as `ep-0142-20261122T200102-7f3a9c`."""
    return f"{readable_id_part(source)}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
