"""Ending a job because somebody asked for it: the side that asks, and the side that listens.

A job that nobody runs is cancelled by whoever asks, with one conditional write. At a running job a request is left in
DynamoDB, where its worker looks every second or two, whatever becomes of Redis; should the worker die meanwhile, the
next one finds the request before it starts anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from worker.application.consuming.execution import Execution
from worker.domain.errors import DependencyUnavailableError, JobCancelledError
from worker.domain.progress import Record, Status, Version, failed
from worker.domain.streak import FailureStreak
from worker.events import Event, emit
from worker.ports import Conflict, JobTable, ProgressCache, StoreUnavailableError

# One read for all jobs of a worker each time: with a call's budget after it, a request is seen within three seconds.
_LOOK_SECONDS = 1.5
_TURNS = 10


class CancelWatch:
    """Stops the running jobs of this worker whose end was asked for. `run` has to run beside them."""

    def __init__(self, table: JobTable) -> None:
        self._table = table
        self._running: dict[Execution, str] = {}
        self._failures = FailureStreak()

    @contextmanager
    def over(self, job_id: str, execution: Execution) -> Iterator[None]:
        """Listen for as long as the `with` lasts: what is asked for later comes too late."""
        self._running[execution] = job_id
        try:
            yield
        finally:
            del self._running[execution]

    async def run(self) -> None:
        """Look for ever. An outage of DynamoDB is one line in the log, and delays what was asked for."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._running:
                await self._look()

    async def _look(self) -> None:
        try:
            requested = await self._table.cancel_requests(set(self._running.values()))
        except StoreUnavailableError as error:
            if self._failures.add():
                emit(Event.CANCEL_LOOKUP_FAILED, reason=error.reason)
            return
        self._failures.end()
        for execution, job_id in tuple(self._running.items()):
            if job_id in requested:
                execution.stop(JobCancelledError())


class Cancellation:
    """The side that asks."""

    def __init__(self, table: JobTable, cache: ProgressCache | None, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self._cache = cache
        self._now = now

    async def cancel(self, job_id: str) -> Record | None:
        """The job's record as it is then: final, or `running` with the request left. None: there is no such job.

        Raises StoreUnavailableError, and then may be called again.
        """
        for _ in range(_TURNS):
            held = await self._table.read(job_id)
            if held is None or held.is_final:
                return held
            if held.status is Status.RUNNING:
                if await self._table.request_cancel(job_id):
                    return held
            elif (record := await self._end(held)) is not None:
                return record
        raise DependencyUnavailableError("the job", "changed hands each time it was looked at; try again")

    async def _end(self, held: Record) -> Record | None:
        """Cancel a job that nobody runs. None: somebody has started it, or ended it, just now."""
        version = Version(held.version.fence, held.version.seq + 1)
        record = failed(held, JobCancelledError(), version, self._now())
        if isinstance(await self._table.write_if_unchanged(record, held.version), Conflict):
            return None
        if self._cache is not None:
            with suppress(StoreUnavailableError):  # readers ask DynamoDB as well; this is for those who watch
                await self._cache.write(record)
        return record
