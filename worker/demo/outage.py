"""The outage of the demo: Redis is killed and started again, and the worker's log shows what it did."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from worker.demo.process import WorkerProcess
from worker.demo.screen import Screen
from worker.demo.servers import Server
from worker.domain.progress import Record

_NOTICE_SECONDS = 10.0
_RETURN_SECONDS = 15.0


class Overall:
    """The progress of the whole batch."""

    def __init__(self, jobs: int) -> None:
        self._percents: dict[str, float] = {}
        self._jobs = jobs
        self._finished = 0
        self._changed = asyncio.Event()

    @property
    def percent(self) -> float:
        return sum(self._percents.values()) / self._jobs

    @property
    def is_finished(self) -> bool:
        return self._finished == self._jobs

    def update(self, record: Record) -> None:
        self._percents[record.job_id] = 100.0 if record.is_final else record.percent
        self._notify()

    def finished(self) -> None:
        self._finished += 1
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def reaches(self, percent: float) -> None:
        """Wait until the batch has reached that percentage, or has ended."""
        while self.percent < percent and not self.is_finished:
            await self._changed.wait()


class StagedOutage:
    """Kills Redis, starts it again, and reports what the worker logged."""

    def __init__(self, redis: Server, worker: WorkerProcess, screen: Screen, overall: Overall) -> None:
        self._redis = redis
        self._worker = worker
        self._screen = screen
        self._overall = overall

    async def run(self, *, kill_at_percent: float, restart_at_percent: float) -> None:
        await self._overall.reaches(kill_at_percent)
        if self._overall.is_finished:
            self._screen.note("The batch was done before Redis could be killed. Longer files show it.")
            return
        killed_at = self._kill()
        await self._report_failover(killed_at)
        await self._overall.reaches(restart_at_percent)
        restarted_at = self._restart()
        await self._report_failback(restarted_at)

    def _kill(self) -> datetime:
        self._redis.kill()
        self._screen.note("Redis is killed now (kill -9).", emphasis=True)
        return datetime.now(UTC)

    async def _report_failover(self, killed_at: datetime) -> None:
        line = await self._line("progress.failed_over", _NOTICE_SECONDS)
        if line is None:
            self._screen.note("No job wrote progress in the meantime, so nothing had to fail over.")
            return
        first = self._worker.find("redis.unavailable") or {}
        self._screen.note(
            f"The first write after it lost {_milliseconds(first.get('duration_seconds', 0.0))} to Redis "
            f"({first.get('error', 'no answer')}), then went to DynamoDB; "
            f"{_seconds_between(killed_at, line)} after the kill the worker stopped asking Redis. The bars go on."
        )

    def _restart(self) -> datetime:
        self._redis.start()
        self._screen.note("Redis is started again, empty.", emphasis=True)
        return datetime.now(UTC)

    async def _report_failback(self, restarted_at: datetime) -> None:
        line = await self._line("progress.failed_back", _RETURN_SECONDS)
        if line is None:
            self._screen.note("The worker has not gone back to Redis yet; progress stays in DynamoDB.")
            return
        self._screen.note(
            f"Back on Redis {_seconds_between(restarted_at, line)} after its start, with the newest record of "
            f"{line.get('jobs_carried_over', 0)} jobs carried over."
        )

    async def _line(self, event: str, within_seconds: float) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(within_seconds):
                return await self._worker.wait_for(event)
        except TimeoutError:
            return None


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _seconds_between(earlier: datetime, line: dict[str, Any]) -> str:
    return f"{max(0.0, (datetime.fromisoformat(line['timestamp']) - earlier).total_seconds()):.2f} s"
