"""`worker watch`: a progress bar until the job is final."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Callable
from contextlib import aclosing

from worker.application.progress.reader import Reader
from worker.cli.console import complain, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with_client
from worker.cli.status import output_text
from worker.cli.views import view_of
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record, Status
from worker.settings import READ


def command(arguments: Namespace) -> int:
    async def watch(reader: Reader) -> int:
        record = await follow(reader, arguments.job_id, timeout_seconds=arguments.timeout)
        return conclude(arguments.job_id, record, on_output=say)

    try:
        return run_with_client(READ, lambda client: watch(client.reader))
    except KeyboardInterrupt:
        say_that_it_goes_on(arguments.job_id)
        raise


async def follow(reader: Reader, job_id: str, *, timeout_seconds: float | None = None) -> Record | None:
    """Show the job on standard error until it is final or the time is up. Returns the newest record that was seen."""
    newest: Record | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            await _say_if_nothing_answers(reader, job_id)
            with view_of(job_id) as view:
                async with aclosing(reader.watch(job_id)) as readings:
                    async for reading in readings:
                        if reading.record is None:
                            view.wait()
                        else:
                            newest = reading.record
                            view.show(newest, is_fresh=reading.fresh)
    except TimeoutError:
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


async def _say_if_nothing_answers(reader: Reader, job_id: str) -> None:
    """An outage may end, so that it is waited for, but the user should know of it."""
    try:
        await reader.read(job_id)
    except DependencyUnavailableError as exc:
        complain(f"{exc}; still trying")
