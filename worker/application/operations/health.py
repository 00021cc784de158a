"""The health of the worker, made from values in memory: nothing here waits or asks a dependency.

Liveness is about this process alone. To restart a worker because the cache or the queue is out would cost its running
jobs and help nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from worker import __version__, metrics
from worker.application.consuming.consumer import ConsumerStatus
from worker.application.consuming.pause import PauseReason
from worker.application.progress.guarded_cache import CacheState
from worker.application.progress.outages import Outage
from worker.domain.progress import timestamp

LIVE_SECONDS = 30.0  # an event loop or a poll loop that has not turned for this long is stuck
_BEAT_SECONDS = 1.0
_LAGS = 60  # a heartbeat shows the worst of its minute


class Progress(Protocol):
    """What health needs of the progress store."""

    @property
    def cache_name(self) -> str | None: ...
    @property
    def cache_state(self) -> CacheState: ...
    @property
    def progress_store(self) -> str: ...
    @property
    def outage(self) -> Outage | None: ...
    @property
    def outages(self) -> int: ...


class Receiving(Protocol):
    """What health needs of the consumer."""

    def status(self) -> ConsumerStatus: ...


@dataclass(frozen=True, slots=True)
class Health:
    """The worker's health at one moment."""

    cache_name: str | None
    cache_state: CacheState
    progress_store: str
    outage: Outage | None
    outages: int
    consumer: ConsumerStatus
    ended: Mapping[str, int]
    beat_age_seconds: float
    queue_failures: Sequence[int] = ()  # in a row, of each queue where there are several

    @property
    def is_live(self) -> bool:
        return self.consumer.is_alive and max(self.beat_age_seconds, self.consumer.poll_age_seconds) < LIVE_SECONDS

    @property
    def is_ready(self) -> bool:
        """True from the first poll until the drain begins, except while no job can be claimed."""
        pause = self.consumer.pause
        return self.consumer.is_polling and (pause is None or pause.reason is not PauseReason.TABLE)

    @property
    def status(self) -> Literal["ok", "degraded", "draining"]:
        if self.consumer.is_draining:
            return "draining"
        is_receiving = (
            self.consumer.poll_failures == 0 and self.consumer.pause is None and not any(self.queue_failures)
        )
        return "ok" if is_receiving and self.cache_state != "unavailable" and self.is_live else "degraded"

    def to_dict(self) -> Mapping[str, Any]:
        """The document of `/health`. Its keys are the same for any progress cache (docs/progress.md)."""
        outage, pause = self.outage, self.consumer.pause
        return {
            "status": self.status,
            "redis": {
                "state": self.cache_state,
                "unavailable_since": timestamp(outage.since) if outage else None,
                "reason": outage.reason if outage else None,
                "outages": self.outages,
            },
            "progress_store": self.progress_store,
            "progress_cache": self.cache_name,
            "queue": {
                "poll_age_seconds": round(self.consumer.poll_age_seconds, 3),
                "poll_failures": self.consumer.poll_failures,
                "paused": pause is not None,
                "pause_reason": pause.reason.value if pause else None,
                "pause_problem": pause.problem if pause else None,
                **self._by_priority(),
            },
            "jobs": {"running": self.consumer.jobs, "slots": self.consumer.slots, **self.ended},
            "version": __version__,
        }

    def _by_priority(self) -> Mapping[str, Any]:
        """The failures of each of several queues, the most urgent first: one may be away while the others answer."""
        queues = [{"priority": number, "poll_failures": each} for number, each in enumerate(self.queue_failures, 1)]
        return {"by_priority": queues} if queues else {}


class HealthMonitor:
    """Measures the event loop once a second, and gives snapshots of the worker's health to any thread.

    `queue_failures` says for each of several queues how often in a row it has failed.
    """

    def __init__(
        self, progress: Progress, consumer: Receiving, queue_failures: Callable[[], Sequence[int]] = tuple
    ) -> None:
        self._queue_failures = queue_failures
        self._progress = progress
        self._consumer = consumer
        self._beat_at = time.monotonic()
        self._lags: deque[float] = deque([0.0], maxlen=_LAGS)
        self._busy: deque[tuple[float, float]] = deque(maxlen=_LAGS)  # seconds of slots that were in use, and of all
        self._outages_counted = 0

    def snapshot(self) -> Health:
        """The health of the worker now. Safe from any thread; never waits."""
        return Health(
            cache_name=self._progress.cache_name,
            cache_state=self._progress.cache_state,
            progress_store=self._progress.progress_store,
            outage=self._progress.outage,
            outages=self._progress.outages,
            consumer=self._consumer.status(),
            ended={name: metrics.endings(name) for name in ("completed", "failed", "cancelled")},
            beat_age_seconds=time.monotonic() - self._beat_at,
            queue_failures=self._queue_failures(),
        )

    def pulse(self) -> Mapping[str, Any]:
        """The fields of `worker.heartbeat`."""
        health = self.snapshot()
        return {
            "jobs": health.consumer.jobs,
            "slots": health.consumer.slots,
            "busy_share": round(self.busy_share, 3),
            "poll_age_seconds": round(health.consumer.poll_age_seconds, 3),
            "loop_lag_seconds": round(self.worst_lag_seconds, 3),
            "jobs_completed": health.ended["completed"],
            "jobs_failed": health.ended["failed"],
            "redis_state": health.cache_state,
            "progress_store": health.progress_store,
            "pause_reason": None if health.consumer.pause is None else health.consumer.pause.reason.value,
            "poll_failures": health.consumer.poll_failures,
        }

    @property
    def busy_share(self) -> float:
        """Which part of the slots' time in the last minute jobs had, from 0 to 1."""
        seconds = sum(all_seconds for _, all_seconds in self._busy)
        return sum(used for used, _ in self._busy) / seconds if seconds else 0.0

    @property
    def worst_lag_seconds(self) -> float:
        """The most by which the event loop was late in the last minute."""
        return max(self._lags)

    async def run(self) -> None:
        """Note once a second, for ever, that the event loop turns, and update the gauges."""
        while True:
            began_at = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)
            self._beat_at = time.monotonic()
            self._measure(self._beat_at - began_at)

    def _measure(self, since_last_seconds: float) -> None:
        health = self.snapshot()
        self._lags.append(max(0.0, since_last_seconds - _BEAT_SECONDS))
        metrics.LOOP_LAG.set(self._lags[-1])
        metrics.POLL_AGE.set(health.consumer.poll_age_seconds)
        used_seconds = health.consumer.jobs * since_last_seconds
        self._busy.append((used_seconds, health.consumer.slots * since_last_seconds))
        metrics.SLOT_SECONDS.inc(used_seconds)
        metrics.JOBS_RUNNING.set(health.consumer.jobs)
        metrics.SLOTS.set(health.consumer.slots)
        metrics.show_pause(None if health.consumer.pause is None else health.consumer.pause.reason.value)
        metrics.CACHE_UP.set(health.cache_state == "connected")
        metrics.FAILOVERS.inc(health.outages - self._outages_counted)
        self._outages_counted = health.outages
        if health.cache_state == "unavailable":
            metrics.OUTAGE_SECONDS.inc(since_last_seconds)
