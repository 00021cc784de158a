"""The client of the worker: submits jobs, follows, cancels, retries and lists them.

    async with Jobs.from_env() as jobs:
        job = await jobs.submit(source="s3://in/ep.wav", outputs=[{"target": "s3://out/ep.mp3", "format": "mp3"}])
        async for record in jobs.watch(job.job_id):
            print(record.status, record.percent)

`worker.client.sync` has the same for programs without asyncio. docs/client.md describes both. Importing this loads
neither the SDK nor anything that only a worker needs; entering a `Jobs` loads what it uses.
"""

from worker.client.jobs import Jobs, new_job_id
from worker.client.record import JobRecord
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError, WorkerError
from worker.domain.progress import ErrorInfo, OutputRecord, Record, Stage, Status, Version
from worker.domain.refusals import JobExistsError, NoIndexError, NotAllowedError, NotRetriedError

__all__ = [
    "DependencyUnavailableError",
    "ErrorInfo",
    "InvalidMessageError",
    "JobExistsError",
    "JobRecord",
    "Jobs",
    "NoIndexError",
    "NotAllowedError",
    "NotRetriedError",
    "OutputRecord",
    "Record",
    "Stage",
    "Status",
    "Version",
    "WorkerError",
    "new_job_id",
]
