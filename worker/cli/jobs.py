"""`worker jobs`: a list, the newest first."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence

from worker.application.operations.listing import newest_jobs
from worker.bootstrap.commands import open_index
from worker.cli.console import one_line, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with
from worker.domain.progress import Record, Status
from worker.ports import JobIndex, ListedJob
from worker.settings import READ


def command(arguments: Namespace) -> int:
    return run_with(READ, open_index, lambda index: show(index, arguments))


async def show(index: JobIndex, options: Namespace) -> int:
    """Print the jobs. Raises NoIndexError, NotAllowedError, DependencyUnavailableError."""
    statuses = tuple(Status) if options.status is None else (options.status,)
    jobs = await newest_jobs(index, statuses, since=options.since, limit=options.limit)
    if options.json:
        say(json.dumps([job.record.to_dict() for job in jobs]))
    elif jobs:
        say(describe(jobs))
    return ExitCode.OK


def describe(jobs: Sequence[ListedJob]) -> str:
    """A line for each job, in columns."""
    rows = [_columns(job) for job in jobs]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _columns(job: ListedJob) -> tuple[str, ...]:
    record = job.record
    return f"{job.status_at:%Y-%m-%d %H:%M:%S}Z", record.status.value, one_line(record.job_id), _note(record)


def _note(record: Record) -> str:
    notes = []
    if record.run > 1:
        notes.append(f"run {record.run}")
    if record.status is Status.RUNNING:
        notes.append(f"{record.percent:g} %")
    if record.error is not None:
        notes.append(one_line(f"{record.error.code}: {record.error.message}"))
    return ", ".join(notes)
