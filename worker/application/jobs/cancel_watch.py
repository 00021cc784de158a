"""Stops the running jobs that somebody has asked to cancel (`cancellation`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from worker.application.consuming.execution import Execution
from worker.domain.errors import JobCancelledError
from worker.domain.streak import FailureStreak
from worker.events import Event, emit
from worker.ports import JobTable, StoreUnavailableError

# One read for all jobs of a worker each time: with a call's budget after it, a request is seen within three seconds.
_READ_SECONDS = 1.5


class CancelWatch:
    """Stops the running jobs of this worker that are to be cancelled. `run` has to run beside them."""

    def __init__(self, table: JobTable) -> None:
        self._table = table
        self._running: dict[Execution, str] = {}
        self._is_any_running = asyncio.Event()
        self._failures = FailureStreak()

    @contextmanager
    def cancellable(self, job_id: str, execution: Execution) -> Iterator[None]:
        """The job can be cancelled for as long as the `with` lasts; a later request comes too late."""
        self._running[execution] = job_id
        self._is_any_running.set()
        try:
            yield
        finally:
            del self._running[execution]

    async def run(self) -> None:
        """Read the requests for ever. An outage of DynamoDB is one line in the log, and delays what was asked for."""
        while True:
            await self._is_any_running.wait()
            await asyncio.sleep(_READ_SECONDS)
            if self._running:
                await self._stop_requested()
            else:
                self._is_any_running.clear()

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
