"""`worker cancel`: end a job that is queued or running."""

from __future__ import annotations

from argparse import Namespace

from worker.cli.console import complain, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with_client
from worker.client import Jobs
from worker.domain.progress import Status
from worker.settings import READ


def command(arguments: Namespace) -> int:
    return run_with_client(READ, lambda jobs: cancel(jobs, arguments.job_id))


async def cancel(jobs: Jobs, job_id: str) -> int:
    """Ask for the end and print the result. Returns 4 if there is no such job, 1 if it had ended otherwise before.

    Raises DependencyUnavailableError.
    """
    record = await jobs.cancel(job_id)
    if record is None:
        complain(f"there is no job {job_id}")
        return ExitCode.NO_RECORD
    if record.status is Status.RUNNING:
        say(f"{job_id} is running; its worker was asked to stop it")
    elif record.status is Status.CANCELLED:
        say(f"{job_id} is cancelled")
    else:
        complain(f"{job_id} is {record.status.value} already")
        return ExitCode.FAILED
    return ExitCode.OK
