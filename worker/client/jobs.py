"""The client, for programs with asyncio."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from worker.client.closable import ENTERED_TWICE, NOT_OPEN, ClosableReadings
from worker.client.record import JobRecord
from worker.domain.errors import DependencyUnavailableError
from worker.domain.naming import readable_id_part
from worker.domain.progress import Status

if TYPE_CHECKING:  # loaded when a Jobs is entered: these load the SDK
    from worker.bootstrap.commands import ClientParts
    from worker.settings import Settings

PutSource = Callable[[], Awaitable[None]]


class Jobs:
    """Submits, reads, watches, cancels, retries and lists jobs, inside of `async with`.

    One object is one session of reading: within a run it never returns an older record of a job than it has returned
    before. It may be used by any number of tasks of one event loop, and lives as long as the program.

    Every call but `watch` and an upload ends within `timeout_seconds`, and reads within a second. All of them raise
    DependencyUnavailableError where AWS does not answer in that time or refuses; they may then be called again.
    """

    def __init__(self, parts: AbstractAsyncContextManager[ClientParts], *, timeout_seconds: float = 10.0) -> None:
        self._opening = parts
        self._is_entered = False
        self._opened: ClientParts | None = None
        self._watches: set[ClosableReadings] = set()
        self._timeout_seconds = timeout_seconds

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, timeout_seconds: float = 10.0) -> Self:
        """A client for what the variables name: WORKER_TABLE, WORKER_QUEUE_URL, REDIS_ENDPOINT and the SDK's own.

        To read, cancel and list, WORKER_QUEUE_URL is not needed. Entering it raises
        `worker.settings.ConfigurationError` with all faults of the environment.
        """
        return cls(_opened_for(os.environ if environ is None else environ), timeout_seconds=timeout_seconds)

    @classmethod
    def of(cls, settings: Settings, *, timeout_seconds: float = 10.0) -> Self:
        """A client for settings that have been read."""
        return cls(_opened_with(settings), timeout_seconds=timeout_seconds)

    async def __aenter__(self) -> Self:
        if self._is_entered:
            raise RuntimeError(ENTERED_TWICE)
        self._is_entered = True
        self._opened = await self._opening.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened = None
        for watch in list(self._watches):  # what they use is closed next
            await watch.close()
        await self._opening.__aexit__(kind, error, traceback)

    @property
    def _parts(self) -> ClientParts:
        if self._opened is None:
            raise RuntimeError(NOT_OPEN)
        return self._opened

    # --- putting jobs on the queue ----------------------------------------------------------------------------------

    async def submit(
        self,
        *,
        source: Any,
        outputs: Sequence[Mapping[str, Any]],
        job_id: str | None = None,
        group: str | None = None,
        traceparent: str | None = None,
        put_source: PutSource | None = None,
        **more: Any,
    ) -> JobRecord:
        """Put a job on the queue, and return its `queued` record, which can be watched from then on.

        `source`, `outputs` and `more` are members of a message (docs/messages.md); what they may be is checked here.
        Without a `job_id` the job gets a readable one of its own. With the same id and the same job it is safe to
        call this again. `group` is the message group: on a standard queue a tenant, whom SQS keeps from delaying the
        others, on a FIFO queue what is done in order. `traceparent` is a W3C trace context that the worker's log
        lines carry on. `put_source` uploads a source first: it is awaited once the id belongs to this job, before its
        message is sent.

        Raises InvalidMessageError with the field's name, JobExistsError where the id is taken, what `put_source`
        raises, and `worker.settings.ConfigurationError` without a WORKER_QUEUE_URL.
        """
        job_id = new_job_id(source) if job_id is None else job_id
        message = {"job_id": job_id, "source": source, "outputs": list(outputs), **more}
        return await self.submit_message(message, group=group, traceparent=traceparent, put_source=put_source)

    async def submit_message(
        self,
        message: Mapping[str, Any],
        *,
        group: str | None = None,
        traceparent: str | None = None,
        put_source: PutSource | None = None,
    ) -> JobRecord:
        """Do what `submit` does with a whole message, `job_id` included."""
        job = self._parts.job_of(message)
        submission = self._parts.submission()
        async with self._bounded(None if put_source else self._timeout_seconds):
            record = await submission.submit(job, group=group, traceparent=traceparent, put_source=put_source)
        return JobRecord.of(record)

    async def retry(self, job_id: str) -> JobRecord | None:
        """Begin a new run of a job that failed or was cancelled. Returns its first record; None: no such job.

        Raises NotRetriedError for any other job, InvalidMessageError where the queue does not take its message any
        more, and `worker.settings.ConfigurationError` without a WORKER_QUEUE_URL.
        """
        retry = self._parts.retry()
        if not _is_id(job_id):
            return None
        async with self._bounded(self._timeout_seconds):
            record = await retry.retry(job_id)
        return None if record is None else JobRecord.of(record)

    async def cancel(self, job_id: str) -> JobRecord | None:
        """Ask for the end of the job. Returns its record as it is then; None: there is no such job.

        A job that does not run is `cancelled` at once. One that is `running` ends within seconds. One that had ended
        before stays as it was.
        """
        if not _is_id(job_id):
            return None
        async with self._bounded(self._timeout_seconds):
            record = await self._parts.cancellation.cancel(job_id)
        return None if record is None else JobRecord.of(record)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def get(self, job_id: str) -> JobRecord | None:
        """The newest record of the job, from either store; None: there is none."""
        if not _is_id(job_id):
            return None
        reading = await self._parts.reader.read(job_id)
        return None if reading.record is None else JobRecord.of(reading.record, fresh=reading.fresh)

    async def watch(self, job_id: str, *, timeout_seconds: float | None = None) -> AsyncGenerator[JobRecord, None]:
        """Yield the newest record of the job at once, then each newer one, up to the final one.

        A job without a record is waited for, and no outage ends this. An id that no job may have has no records.
        Raises TimeoutError after so many seconds, and RuntimeError when the `async with` has ended.
        """
        if not _is_id(job_id):
            return
        time = asyncio.get_running_loop().time
        until = None if timeout_seconds is None else time() + timeout_seconds
        readings = ClosableReadings(self._parts.reader.watch(job_id))
        self._watches.add(readings)
        try:
            while True:
                async with asyncio.timeout_at(until):
                    reading = await readings.next()
                if reading is None:
                    return
                if reading.record is not None:
                    yield JobRecord.of(reading.record, fresh=reading.fresh)
        finally:
            try:
                await readings.close()
            finally:  # and not before: the end of the client waits for those that are being closed, too
                self._watches.discard(readings)

    async def list(
        self, *, status: Status | str | None = None, since: datetime | None = None, limit: int = 50
    ) -> Sequence[JobRecord]:
        """The jobs that came to this status, or to any, at `since` or later: the last first, at most `limit`.

        Raises NoIndexError where the table has no index for lists, NotAllowedError, and ValueError for a `status` that
        does not exist.
        """
        statuses: Collection[Status] = tuple(Status) if status is None else (Status(status),)
        if limit < 1:
            return []
        async with self._bounded(self._timeout_seconds):
            jobs = await self._parts.newest_jobs(statuses, since=since, limit=limit)
        return [JobRecord.of(job.record, status_at=job.status_at) for job in jobs]

    @asynccontextmanager
    async def _bounded(self, seconds: float | None) -> AsyncIterator[None]:
        """Bound a call. Raises DependencyUnavailableError where AWS did not do in time what was asked."""
        from worker.ports import StoreUnavailableError  # noqa: PLC0415 - the parts have loaded it

        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except StoreUnavailableError as error:
            raise DependencyUnavailableError("the job table", error.problem) from error
        except TimeoutError as error:
            if not limit.expired():  # one of `put_source`
                raise
            raise DependencyUnavailableError("AWS", f"did not answer within {seconds:g} s") from error


def _is_id(job_id: str) -> bool:
    """Whether a job may have that id. With any other there is no job, and DynamoDB refuses some of them as keys."""
    from worker.domain.job import is_job_id  # noqa: PLC0415 - the parts have loaded it

    return is_job_id(job_id)


def new_job_id(source: Any) -> str:
    """A readable id that no other job has, such as `ep-0142-20261122T200102-7f3a9c`."""
    text = source if isinstance(source, str) else "job"
    return f"{readable_id_part(text)}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


@asynccontextmanager
async def _opened_for(environ: Mapping[str, str]) -> AsyncIterator[ClientParts]:
    from worker.settings import READ, load  # noqa: PLC0415 - half of a second, for those who use it

    async with _opened_with(load(environ, needs=READ)) as parts:
        yield parts


@asynccontextmanager
async def _opened_with(settings: Settings) -> AsyncIterator[ClientParts]:
    from worker.bootstrap.commands import open_client  # noqa: PLC0415 - it loads the SDK

    async with open_client(settings) as parts:
        yield parts
