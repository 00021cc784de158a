"""`worker submit`: put a job on the queue, uploading its source where it is a local file."""

from __future__ import annotations

import asyncio
import json
import os
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from worker.application.messages.message import to_body
from worker.bootstrap.files import open_files
from worker.cli.console import complain, report, say
from worker.cli.exits import ExitCode, UsageError
from worker.cli.session import run_with
from worker.cli.typed_job import read_job
from worker.cli.watch import conclude, follow, say_that_it_goes_on
from worker.client import JobRecord, Jobs
from worker.client.jobs import PutSource
from worker.domain.errors import AccessDeniedError, DependencyUnavailableError, TargetRefusedError, WorkerError
from worker.domain.job import Job, ObjectLocation
from worker.settings import SUBMIT, Settings, read_presets


def command(arguments: Namespace) -> int:
    if arguments.timeout is not None and not arguments.wait:
        raise UsageError("--timeout is for --wait")
    job, uploads = read_job(arguments, read_presets(os.environ))

    def opened(settings: Settings) -> AbstractAsyncContextManager[tuple[Jobs, PutSource | None]]:
        return _with_uploads(settings, job.job_id, uploads)

    return run_with(SUBMIT, opened, lambda parts: submit(*parts, job, arguments))


@asynccontextmanager
async def _with_uploads(
    settings: Settings, job_id: str, uploads: Mapping[ObjectLocation, Path]
) -> AsyncIterator[tuple[Jobs, PutSource | None]]:
    """The client, and what uploads the sources that are local files."""
    async with Jobs.of(settings) as jobs:
        if not uploads:
            yield jobs, None
            return
        async with open_files(settings) as files:

            async def put_sources() -> None:
                try:
                    for location, file in uploads.items():
                        await files.sources.upload(file, location)
                except (AccessDeniedError, DependencyUnavailableError, TargetRefusedError) as error:
                    raise WorkerError(f"{error}; submit it again with --job-id {job_id}") from error

            yield jobs, put_sources


async def submit(jobs: Jobs, put_source: PutSource | None, job: Job, options: Namespace) -> int:
    """Submit the job; print its id, or its record as JSON, alone on standard output; follow it if asked to."""
    record = await _put_on_queue(jobs, put_source, job, options.group)
    if not options.json:
        say(job.job_id)
    if not options.wait:
        if options.json:
            _say_record(record)
        return ExitCode.OK
    try:
        newest = await follow(jobs, job.job_id, timeout_seconds=options.timeout)
    except asyncio.CancelledError:
        say_that_it_goes_on(job.job_id)
        raise
    if options.json:
        _say_record(newest or record)
    return conclude(job.job_id, newest, on_output=report)


async def _put_on_queue(jobs: Jobs, put_source: PutSource | None, job: Job, group: str | None) -> JobRecord:
    try:
        return await jobs.submit_message(
            json.loads(to_body(job)),
            group=group,
            traceparent=os.environ.get("TRACEPARENT"),
            put_source=put_source,
        )
    except asyncio.CancelledError:
        complain(f"{job.job_id} may not be on the queue: submit it again with --job-id {job.job_id}")
        raise


def _say_record(record: JobRecord) -> None:
    say(json.dumps(record.to_dict()))
