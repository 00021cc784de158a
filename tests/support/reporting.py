"""The reporter of a claimed job over stores in memory, and a job that gets on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from tests.support.failover import Stores
from tests.support.records import NOW, a_record
from tests.support.virtual_time import now
from worker.application.progress.reporter import Reporter
from worker.domain.progress import OutputRecord, Stage
from worker.ports import Written

CLAIM = a_record(1000, 1, percent=0.0, stage=Stage.DOWNLOADING)
OUTPUTS = (OutputRecord("s3://podcasts-out/ep-0142.mp3", 4801234, 200.0, "0f" * 32),)


def clock() -> datetime:
    return NOW + timedelta(seconds=now() - 1000)


@asynccontextmanager
async def a_reporter(it: Stores, *, lease_seconds: float = 60.0) -> AsyncIterator[Reporter]:
    """The reporter of a claimed job, running; what it raises is raised."""
    assert await it.store.write_if_unchanged(CLAIM, None) == Written()
    reporter = Reporter(it.store, CLAIM, now=clock, random=lambda: 0.5, lease_seconds=lease_seconds)
    running = asyncio.create_task(reporter.run(), name="reporter")
    try:
        yield reporter
        if running.done():
            await running
    finally:
        running.cancel()
        await asyncio.wait([running])


async def work(reporter: Reporter, seconds: float, *, step: float = 0.01, until_percent: float = 99.0) -> None:
    """A job that says so each time it gets on."""
    began_at = now()
    while (done := now() - began_at) < seconds:
        reporter.update(Stage.CONVERTING, until_percent * done / seconds, seconds - done)
        await asyncio.sleep(step)
