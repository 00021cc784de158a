"""How a command writes the record of a job that does not run: to the job table, then with one try to the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from worker.domain.claim import JobMessage
from worker.domain.job import Job
from worker.domain.progress import Record, Version
from worker.ports import Conflict, JobTable, ProgressStore, StoreUnavailableError, Written

_SHARE_SECONDS = 0.3  # a caller waits for it, with a second for all that it asked for


class LeftOutputs:
    """`Outputs` that a command leaves alone: the worker that gets the message of a cancelled job takes them back."""

    async def retract(self, job: Job, run: int, until: Version) -> None:
        """Do nothing."""

    async def drop_unfinished(self, job: Job) -> None:
        """Do nothing."""

    async def drop_hidden(self, job: Job, until: Version) -> None:
        """Do nothing."""


class DirectRecords:
    """`FirstRecords` and `FinalRecords` of a command, which writes once and ends.

    A worker's store also remembers past failures of the cache.
    """

    def __init__(self, table: JobTable, cache: ProgressStore | None) -> None:
        self._table = table
        self._cache = cache

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        """Keep the record in the job table, if the one there is still at `seen`; then in the cache.

        Raises StoreUnavailableError: the job table may have kept the record.
        """
        return await self._shared(record, self._table.write_if_unchanged(record, seen))

    async def submit(self, record: Record, message: JobMessage | None) -> Written | Conflict:
        """As `write_if_unchanged`: keep the first record of a job, if none is held, and its message beside it."""
        return await self._shared(record, self._table.submit(record, message))

    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        """As `write_if_unchanged`: keep the first record of the next run, if the final one at `seen` is still held."""
        return await self._shared(record, self._table.begin_run(record, seen))

    async def share(self, record: Record) -> None:
        """Bring the cache up to a record of the job table. Raises nothing: readers ask the job table as well."""
        if self._cache is not None:
            with suppress(StoreUnavailableError, TimeoutError):
                async with asyncio.timeout(_SHARE_SECONDS):
                    await self._cache.write(record)

    async def _shared(self, record: Record, write: Coroutine[Any, Any, Written | Conflict]) -> Written | Conflict:
        result = await write
        if isinstance(result, Written):
            await self.share(record)
        return result
