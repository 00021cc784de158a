"""The reporter of a claimed job over stores in memory, and a job that makes progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.support.failover import Stores
from tests.support.records import NOW, a_record
from tests.support.virtual_time import now
from worker.application.progress.job_progress import Snapshot
from worker.application.progress.reporter import Reporter
from worker.domain.progress import OutputRecord, Stage
from worker.ports import Written

CLAIM = a_record(1000, 1, percent=0.0, stage=Stage.DOWNLOADING)
OUTPUTS = (OutputRecord("s3://podcasts-out/ep-0142.mp3", 4801234, 200.0, "0f" * 32),)


def clock() -> datetime:
    return NOW + timedelta(seconds=now() - 1000)


class PlayedProgress:
    """The progress of a job, as the test sets it."""

    def __init__(self) -> None:
        self._snapshot = Snapshot(Stage.DOWNLOADING, 0.0, None)

    def set(self, stage: Stage, percent: float, eta_seconds: float | None = None) -> None:
        self._snapshot = Snapshot(stage, percent, eta_seconds)

    def snapshot(self) -> Snapshot:
        return self._snapshot


@dataclass
class Reporting:
    """A reporter, and the progress that it reads."""

    reporter: Reporter
    progress: PlayedProgress

    async def work(self, seconds: float, *, step: float = 0.01, until_percent: float = 99.0) -> None:
        """Let the job make progress all the time."""
        began_at = now()
        while (done := now() - began_at) < seconds:
            self.progress.set(Stage.CONVERTING, until_percent * done / seconds, seconds - done)
            await asyncio.sleep(step)


@asynccontextmanager
async def reporting(it: Stores, *, lease_seconds: float = 60.0) -> AsyncIterator[Reporting]:
    """The reporter of a claimed job, running; what it raises is raised."""
    assert isinstance(await it.store.write_if_unchanged(CLAIM, None), Written)
    of = Reporting(*a_reporter(it, lease_seconds=lease_seconds))
    running = asyncio.create_task(of.reporter.run(), name="reporter")
    try:
        yield of
        if running.done():
            await running
    finally:
        running.cancel()
        await asyncio.wait([running])


def a_reporter(it: Stores, *, lease_seconds: float = 60.0) -> tuple[Reporter, PlayedProgress]:
    """The reporter of a claimed job, which does not run yet."""
    progress = PlayedProgress()
    reporter = Reporter(it.store, CLAIM, progress, now=clock, random=lambda: 0.5, lease_seconds=lease_seconds)
    return reporter, progress
