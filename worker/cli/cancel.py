"""`worker cancel`: end a job that is queued or running."""

from __future__ import annotations

from argparse import Namespace

from worker.application.jobs.cancellation import Cancellation
from worker.cli.console import complain, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with_client
from worker.domain.progress import Status
from worker.settings import READ


def command(arguments: Namespace) -> int:
    return run_with_client(READ, lambda client: cancel(client.cancellation, arguments.job_id))


async def cancel(cancellation: Cancellation, job_id: str) -> int:
    """Ask for the end and print the result. Returns 4 if there is no such job, 1 if it had ended otherwise before.

    Raises StoreUnavailableError, DependencyUnavailableError.
    """
    record = await cancellation.cancel(job_id)
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
