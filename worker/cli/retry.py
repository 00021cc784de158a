"""`worker retry`: a new run of jobs that failed or were cancelled."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from worker.cli.console import complain, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with_client
from worker.client import Jobs, NotRetriedError
from worker.settings import SUBMIT


def command(arguments: Namespace) -> int:
    return run_with_client(SUBMIT, lambda jobs: retry(jobs, arguments.job_ids))


async def retry(jobs: Jobs, job_ids: Sequence[str]) -> int:
    """Retry one after the other and print each result. Returns 1 if one was not retried, 4 if one does not exist.

    Raises DependencyUnavailableError: the jobs after it were not tried.
    """
    code = ExitCode.OK
    for job_id in dict.fromkeys(job_ids):
        try:
            record = await jobs.retry(job_id)
        except NotRetriedError as refusal:
            complain(str(refusal))
            code = ExitCode.FAILED
            continue
        if record is None:
            complain(f"there is no job {job_id}")
            code = code or ExitCode.NO_RECORD
        else:
            say(f"{job_id} is queued for run {record.run}")
    return code
