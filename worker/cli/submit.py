"""`worker submit`: put a job on the queue, uploading its source where it is a local file."""

from __future__ import annotations

import asyncio
import json
import os
from argparse import Namespace
from functools import partial
from pathlib import Path

from worker.bootstrap.commands import Client
from worker.cli.console import complain, report, say
from worker.cli.exits import ExitCode, UsageError
from worker.cli.session import run_with_client
from worker.cli.typed_job import read_job
from worker.cli.watch import conclude, follow, say_that_it_goes_on
from worker.domain.job import Job
from worker.domain.progress import Record
from worker.settings import SUBMIT


def command(arguments: Namespace) -> int:
    if arguments.timeout is not None and not arguments.wait:
        raise UsageError("--timeout is for --wait")
    job, local_source = read_job(arguments)
    return run_with_client(SUBMIT, lambda client: submit(client, job, local_source, arguments))


async def submit(client: Client, job: Job, local_source: Path | None, options: Namespace) -> int:
    """Submit the job; print its id, or its record as JSON, alone on standard output; follow it if asked to."""
    record = await _put_on_queue(client, job, local_source, options.group)
    if not options.json:
        say(job.job_id)
    if not options.wait:
        if options.json:
            _say_record(record)
        return ExitCode.OK
    try:
        newest = await follow(client.reader, job.job_id, timeout_seconds=options.timeout)
    except asyncio.CancelledError:
        say_that_it_goes_on(job.job_id)
        raise
    if options.json:
        _say_record(newest or record)
    return conclude(job.job_id, newest, on_output=report)


async def _put_on_queue(client: Client, job: Job, local_source: Path | None, group: str | None) -> Record:
    put_source = None if local_source is None else partial(client.sources.upload, local_source, job.source)
    try:
        return await client.submission.submit(
            job, group=group, traceparent=os.environ.get("TRACEPARENT"), put_source=put_source
        )
    except asyncio.CancelledError:
        complain(f"{job.job_id} may not be on the queue: submit it again with --job-id {job.job_id}")
        raise


def _say_record(record: Record) -> None:
    say(json.dumps(record.to_dict()))
