"""The client, for programs without asyncio: each call runs the one of `worker.client.Jobs` on a loop of its own.

with Jobs.from_env() as jobs:
    job = jobs.submit(source="s3://in/ep.wav", outputs=[{"target": "s3://out/ep.mp3", "format": "mp3"}])
    for record in jobs.watch(job.job_id):
        print(record.status, record.percent)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from worker.client import jobs as asynchronous
from worker.client.closable import ENTERED_TWICE
from worker.client.record import JobRecord
from worker.domain.progress import Status

T = TypeVar("T")


class Jobs:
    """The calls of `worker.client.Jobs`, inside of `with`. It belongs to one thread, in which no event loop may run.

    Outside of `with` each call raises RuntimeError.
    """

    def __init__(self, jobs: asynchronous.Jobs) -> None:
        self._jobs = jobs
        self._runner = asyncio.Runner()
        self._is_entered = False
        self._is_open = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, timeout_seconds: float = 10.0) -> Self:
        return cls(asynchronous.Jobs.from_env(environ, timeout_seconds=timeout_seconds))

    def __enter__(self) -> Self:
        if self._is_entered:
            raise RuntimeError(ENTERED_TWICE)
        self._is_entered = True
        opening = self._jobs.__aenter__()
        try:
            self._runner.run(opening)
        except BaseException:
            opening.close()  # it has not begun where a loop runs in this thread
            self._runner.close()
            raise
        self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_open = False
        try:
            self._runner.run(self._jobs.__aexit__(kind, error, traceback))
        finally:
            self._runner.close()

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            if not self._is_open:
                raise RuntimeError("use Jobs inside of `with`")
            return self._runner.run(call)
        finally:
            call.close()  # where it has not begun

    def submit(
        self,
        *,
        source: Any,
        outputs: Sequence[Mapping[str, Any]],
        job_id: str | None = None,
        group: str | None = None,
        traceparent: str | None = None,
        **more: Any,
    ) -> JobRecord:
        return self._run(
            self._jobs.submit(
                source=source, outputs=outputs, job_id=job_id, group=group, traceparent=traceparent, **more
            )
        )

    def submit_message(
        self, message: Mapping[str, Any], *, group: str | None = None, traceparent: str | None = None
    ) -> JobRecord:
        return self._run(self._jobs.submit_message(message, group=group, traceparent=traceparent))

    def retry(self, job_id: str) -> JobRecord | None:
        return self._run(self._jobs.retry(job_id))

    def cancel(self, job_id: str) -> JobRecord | None:
        return self._run(self._jobs.cancel(job_id))

    def get(self, job_id: str) -> JobRecord | None:
        return self._run(self._jobs.get(job_id))

    def watch(self, job_id: str, *, timeout_seconds: float | None = None) -> Iterator[JobRecord]:
        records = self._jobs.watch(job_id, timeout_seconds=timeout_seconds)
        try:
            while (record := self._run(_next_of(records))) is not None:
                yield record
        finally:
            if self._is_open:  # else its loop has closed it
                self._run(records.aclose())

    def list(
        self, *, status: Status | str | None = None, since: datetime | None = None, limit: int = 50
    ) -> Sequence[JobRecord]:
        return self._run(self._jobs.list(status=status, since=since, limit=limit))


async def _next_of(records: AsyncGenerator[JobRecord, None]) -> JobRecord | None:
    return await anext(records, None)
