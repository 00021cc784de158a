"""The client over stores in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from tests.fakes.operations import FakeJobIndex
from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.handling import runs_and_finisher
from worker.application.jobs.cancellation import Cancellation
from worker.application.jobs.retry import JobRetry
from worker.application.jobs.submission import Sender, Submission
from worker.application.progress.reader import Reader
from worker.bootstrap.commands import ClientParts
from worker.client import Jobs
from worker.ports import JobIndex


def _utc_now() -> datetime:
    return datetime.now(UTC)


def client_parts(
    table: FakeJobTable,
    cache: FakeProgressCache | None = None,
    *,
    sender: Sender | None = None,
    is_indexed: bool = True,
    now: Callable[[], datetime] = _utc_now,
    random: Callable[[], float] = lambda: 0.0,
) -> ClientParts:
    """The parts of a client. Without a `sender` they can neither submit nor retry."""
    runs, finisher = runs_and_finisher(table, cache, now=now)

    def required() -> Sender:
        assert sender is not None
        return sender

    async def index() -> JobIndex:
        return FakeJobIndex(table, is_there=is_indexed)

    return ClientParts(
        reader=Reader(table, cache, random=random),
        cancellation=Cancellation(table, finisher),
        submission=lambda: Submission(runs, finisher, required()),
        retry=lambda: JobRetry(table, runs, finisher, required()),
        index=index,
    )


@asynccontextmanager
async def a_client(
    table: FakeJobTable, cache: FakeProgressCache | None = None, *, timeout_seconds: float = 10.0, **more: Any
) -> AsyncIterator[Jobs]:
    """A `Jobs` over `client_parts` that has been entered."""
    async with Jobs(nullcontext(client_parts(table, cache, **more)), timeout_seconds=timeout_seconds) as jobs:
        yield jobs
