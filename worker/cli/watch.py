"""`worker watch`: a progress bar until the job is final."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Callable
from contextlib import aclosing

from worker.cli.console import complain, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with_client
from worker.cli.status import output_text
from worker.cli.views import view_of
from worker.client import DependencyUnavailableError, JobRecord, Jobs, Record, Status
from worker.settings import READ

_PAUSE_SECONDS = 0.5


def command(arguments: Namespace) -> int:
    async def watch(jobs: Jobs) -> int:
        record = await follow(jobs, arguments.job_id, timeout_seconds=arguments.timeout)
        return conclude(arguments.job_id, record, on_output=say)

    try:
        return run_with_client(READ, watch)
    except KeyboardInterrupt:
        say_that_it_goes_on(arguments.job_id)
        raise


async def follow(jobs: Jobs, job_id: str, *, timeout_seconds: float | None = None) -> JobRecord | None:
    """Show the job on standard error until it is final or the time is up. Returns the newest record that was seen."""
    newest: JobRecord | None = None
    is_there = False
    try:
        async with asyncio.timeout(timeout_seconds):
            is_there = await _is_there(jobs, job_id)
            with view_of(job_id) as view:
                if not is_there:
                    view.wait()
                async with aclosing(jobs.watch(job_id)) as records:
                    async for record in records:
                        newest = record
                        view.show(record, is_fresh=record.fresh)
    except TimeoutError:
        if newest is None and not is_there:
            complain(f"no record of {job_id} was seen within {timeout_seconds:g} s; it is no longer watched")
        else:
            complain(f"{job_id} is not final after {timeout_seconds:g} s; it goes on, but is no longer watched")
    return newest


def conclude(job_id: str, record: Record | None, *, on_output: Callable[[str], None]) -> ExitCode:
    """Say how the job ended. Each output of a completed one is passed to `on_output` as a line."""
    if record is None or not record.is_final:
        return ExitCode.TIMED_OUT
    if record.status is Status.COMPLETED:
        for index in range(len(record.outputs)):
            on_output(output_text(record, index))
        return ExitCode.OK
    reason = f" ({record.error.code}): {record.error.message}" if record.error else ""
    complain(f"{job_id} {record.status.value}{reason}")
    return ExitCode.FAILED


def say_that_it_goes_on(job_id: str) -> None:
    complain(f"no longer watching {job_id}; the job goes on (worker watch {job_id} shows it, worker cancel ends it)")


async def _is_there(jobs: Jobs, job_id: str) -> bool:
    """Whether there is a record. During an outage of the stores, tell the user of it, and try again until it ends."""
    is_first = True
    while True:
        try:
            return await jobs.get(job_id) is not None
        except DependencyUnavailableError as exc:
            if is_first:
                complain(f"{exc}; still trying")
            is_first = False
        await asyncio.sleep(_PAUSE_SECONDS)
