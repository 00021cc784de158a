"""`worker jobs`: a list, the newest first."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence

from worker.cli.console import one_line, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with_client
from worker.client import JobRecord, Jobs, Status
from worker.settings import READ


def command(arguments: Namespace) -> int:
    return run_with_client(READ, lambda jobs: show(jobs, arguments))


async def show(jobs: Jobs, options: Namespace) -> int:
    """Print the jobs. Raises NoIndexError, NotAllowedError, DependencyUnavailableError."""
    records = await jobs.list(status=options.status, since=options.since, limit=options.limit)
    if options.json:
        say(json.dumps([record.to_dict() for record in records]))
    elif records:
        say(describe(records))
    return ExitCode.OK


def describe(records: Sequence[JobRecord]) -> str:
    """A line for each job, in columns."""
    rows = [_columns(record) for record in records]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _columns(record: JobRecord) -> tuple[str, ...]:
    return f"{record.status_at:%Y-%m-%d %H:%M:%S}Z", record.status.value, one_line(record.job_id), _note(record)


def _note(record: JobRecord) -> str:
    notes = []
    if record.run > 1:
        notes.append(f"run {record.run}")
    if record.status is Status.RUNNING:
        notes.append(f"{record.percent:g} %")
    if record.error is not None:
        notes.append(one_line(f"{record.error.code}: {record.error.message}"))
    return ", ".join(notes)
