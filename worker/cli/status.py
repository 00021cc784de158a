"""`worker status`: the newest record of a job."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace

from worker.cli.console import complain, duration_text, one_line, say, size_text
from worker.cli.exits import ExitCode
from worker.cli.session import run_with_client
from worker.client import DependencyUnavailableError, JobRecord, Jobs
from worker.domain.progress import Record
from worker.settings import READ

_PAUSE_SECONDS = 0.5


def command(arguments: Namespace) -> int:
    return run_with_client(
        READ,
        lambda jobs: show(jobs, arguments.job_id, as_json=arguments.json, timeout_seconds=arguments.timeout),
    )


async def show(jobs: Jobs, job_id: str, *, as_json: bool, timeout_seconds: float | None = None) -> int:
    """Print the record. Returns 4 if there is none, 124 if no store answered in time.

    Raises DependencyUnavailableError where no store answers and there is no timeout.
    """
    try:
        record = await _read(jobs, job_id, timeout_seconds)
    except TimeoutError:
        complain(f"the progress stores did not answer within {timeout_seconds:g} s")
        return ExitCode.TIMED_OUT
    if as_json:
        say(json.dumps(None if record is None else record.to_dict()))
    elif record is not None:
        say(describe(record))
        if not record.fresh:
            say("A store could not be asked: the job may be further along.")
    if record is None:
        complain(f"there is no job {job_id}")
        return ExitCode.NO_RECORD
    return ExitCode.OK


async def _read(jobs: Jobs, job_id: str, timeout_seconds: float | None) -> JobRecord | None:
    """Read the record; with a timeout, until a store answers. Raises DependencyUnavailableError, TimeoutError."""
    async with asyncio.timeout(timeout_seconds):
        while True:
            try:
                return await jobs.get(job_id)
            except DependencyUnavailableError:
                if timeout_seconds is None:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)


def describe(record: Record) -> str:
    """The record as a small table."""
    stage = f" ({record.stage.value})" if record.stage else ""
    rows = [
        ("job", record.job_id),
        ("status", f"{record.status.value}{stage}, {record.percent:g} %"),
        ("eta", None if record.is_final or record.eta_seconds is None else duration_text(record.eta_seconds)),
        ("attempt", str(record.attempt) if record.attempt else None),
        ("worker", record.worker),
        ("created", f"{record.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("updated", f"{record.updated_at:%Y-%m-%d %H:%M:%S} UTC"),
        *(("source", source) for source in _sources(record)),
        *(("output", output_text(record, index)) for index in range(len(record.outputs))),
        ("error", f"{record.error.code}: {record.error.message}" if record.error else None),
    ]
    return "\n".join(f"{name:<8} {one_line(value)}" for name, value in rows if value is not None)


def _sources(record: Record) -> tuple[str | None, ...]:
    return record.source if isinstance(record.source, tuple) else (record.source,)


def output_text(record: Record, index: int) -> str:
    """An output's target, with its size and duration once they are known."""
    output = record.outputs[index]
    parts = [one_line(output.target)]
    if output.bytes is not None:
        parts.append(size_text(output.bytes))
    if output.duration_seconds is not None:
        parts.append(duration_text(output.duration_seconds))
    return "  ".join(parts)
