"""Ending a job on request: `Cancellation` asks for it, and the worker's `CancelWatch` does it.

A job that does not run is cancelled by the one who asks, with one conditional write. For a running job a request is
left in DynamoDB, which its worker reads every second or two, also while Redis is out. If the worker dies meanwhile,
the next one finds the request before it starts anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from worker.application.consuming.execution import Execution
from worker.application.jobs.finisher import Finished, JobFinisher
from worker.domain.errors import DependencyUnavailableError, JobCancelledError
from worker.domain.outcome import Cancelled
from worker.domain.progress import Record, Status, Version
from worker.domain.streak import FailureStreak
from worker.events import Event, emit
from worker.ports import JobTable, StoreUnavailableError

# One read for all jobs of a worker each time: with a call's budget after it, a request is seen within three seconds.
_READ_SECONDS = 1.5
_TRIES = 10


class CancelWatch:
    """Stops the running jobs of this worker that are to be cancelled. `run` has to run beside them."""

    def __init__(self, table: JobTable) -> None:
        self._table = table
        self._running: dict[Execution, str] = {}
        self._failures = FailureStreak()

    @contextmanager
    def over(self, job_id: str, execution: Execution) -> Iterator[None]:
        """The job can be cancelled for as long as the `with` lasts; a later request comes too late."""
        self._running[execution] = job_id
        try:
            yield
        finally:
            del self._running[execution]

    async def run(self) -> None:
        """Read the requests for ever. An outage of DynamoDB is one line in the log, and delays what was asked for."""
        while True:
            await asyncio.sleep(_READ_SECONDS)
            if self._running:
                await self._stop_requested()

    async def _stop_requested(self) -> None:
        try:
            requested = await self._table.cancel_requests(set(self._running.values()))
        except StoreUnavailableError as error:
            if self._failures.add():
                emit(Event.CANCEL_LOOKUP_FAILED, error=error.reason)
            return
        self._failures.end()
        for execution, job_id in tuple(self._running.items()):
            if job_id in requested:
                execution.stop(JobCancelledError())


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
