"""Ending a job on request: `Cancellation` asks for it, and the worker's `cancel_watch` does it.

A job that does not run is cancelled by the one who asks, with one conditional write. For a running job a request is
left in DynamoDB, which its worker reads every second or two, also while Redis is out. If the worker dies meanwhile,
the next one finds the request before it starts anything.
"""

from __future__ import annotations

from dataclasses import replace

from worker.application.jobs.finisher import Finished, JobFinisher
from worker.domain.errors import DependencyUnavailableError
from worker.domain.outcome import Cancelled
from worker.domain.progress import Record, Status, Version
from worker.ports import JobTable

_TRIES = 10


class Cancellation:
    """Asks for the end of jobs. Those that do not run end at once, by the `finisher`."""

    def __init__(self, table: JobTable, finisher: JobFinisher) -> None:
        self._table = table
        self._finisher = finisher

    async def cancel(self, job_id: str) -> Record | None:
        """The job's record as it is then: final, or `running` with the request left. None: there is no such job.

        Raises StoreUnavailableError, and then may be called again; DependencyUnavailableError for a job that changes
        each time it is read.
        """
        for _ in range(_TRIES):
            state = await self._table.state(job_id)
            if state is None or state.record.is_final:
                return None if state is None else state.record
            current = state.record
            if current.status is Status.RUNNING:
                if await self._table.request_cancel(job_id):
                    return current
            elif (final := await self._finish(current)) is not None:
                return final
        raise DependencyUnavailableError("the job", "changed each time it was read; try again")

    async def _finish(self, current: Record) -> Record | None:
        """Cancel a job that does not run. None: it has started or ended just now."""
        version = Version(current.version.fence, current.version.seq + 1)
        result = await self._finisher.finish(Cancelled(), replace(current, version=version), current.version)
        return result.record if isinstance(result, Finished) else None
