"""What the worker says of itself over HTTP, made from values that are at hand: nothing here waits or asks anybody.

Liveness is about this process alone. A worker that is restarted because Redis or SQS is out loses its jobs and
helps nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from worker import __version__, metrics

LIVE_SECONDS = 30.0  # without a beat for this long, the event loop is stuck
_BEAT_SECONDS = 1.0

RedisState = Literal["disabled", "connected", "unavailable"]
Store = Literal["redis", "dynamodb"]


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """How Redis is; `since_seconds` is for how long, `reason` why it is unavailable."""

    state: RedisState
    since_seconds: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """How receiving goes. The age is that of the last attempt, good or bad; None before the first."""

    poll_age_seconds: float | None = None
    consecutive_failures: int = 0


@dataclass(frozen=True, slots=True)
class JobsHealth:
    """How many jobs run, may run, and have ended here."""

    running: int = 0
    slots: int = 0
    completed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """One look at the worker (contract, section 6)."""

    redis: RedisHealth
    progress_store: Store
    queue: QueueHealth
    jobs: JobsHealth
    is_live: bool
    is_ready: bool
    is_draining: bool
    loop_lag_seconds: float

    @property
    def status(self) -> Literal["ok", "degraded", "draining"]:
        if self.is_draining:
            return "draining"
        is_well = self.redis.state != "unavailable" and self.queue.consecutive_failures == 0 and self.is_live
        return "ok" if is_well else "degraded"

    def to_dict(self) -> dict[str, Any]:
        """The document of `/health`."""
        return {
            "status": self.status,
            "redis": asdict(self.redis),
            "progress_store": self.progress_store,
            "queue": asdict(self.queue),
            "jobs": asdict(self.jobs),
            "loop_lag_seconds": round(self.loop_lag_seconds, 3),
            "version": __version__,
        }


class HealthMonitor:
    """Keeps the event loop's heartbeat and puts the parts' own words together.

    The callables are asked from the HTTP server's thread: each returns at once, from values that it has.
    `poller_is_alive` is whether the task that receives still runs (True before it starts).
    """

    def __init__(
        self,
        *,
        redis: Callable[[], RedisHealth],
        progress_store: Callable[[], Store],
        queue: Callable[[], QueueHealth],
        jobs: Callable[[], JobsHealth],
        poller_is_alive: Callable[[], bool],
    ) -> None:
        self._redis = redis
        self._progress_store = progress_store
        self._queue = queue
        self._jobs = jobs
        self._poller_is_alive = poller_is_alive
        self._beat_at = time.monotonic()
        self._loop_lag_seconds = 0.0
        self._is_ready = False
        self._is_draining = False

    def ready(self) -> None:
        """The first poll has begun."""
        self._is_ready = True

    def draining(self) -> None:
        """Nothing is received from now on."""
        self._is_draining = True

    @property
    def loop_lag_seconds(self) -> float:
        return self._loop_lag_seconds

    async def beat(self) -> None:
        """Beat until cancelled, and measure how late each beat is."""
        while True:
            due = time.monotonic() + _BEAT_SECONDS
            await asyncio.sleep(_BEAT_SECONDS)
            self._beat_at = time.monotonic()
            self._loop_lag_seconds = max(0.0, self._beat_at - due)
            self._show_gauges()

    def _show_gauges(self) -> None:
        jobs = self._jobs()
        metrics.LOOP_LAG.set(self._loop_lag_seconds)
        metrics.POLL_AGE.set(self._queue().poll_age_seconds or 0.0)
        metrics.JOBS_RUNNING.set(jobs.running)
        metrics.SLOTS.set(jobs.slots)
        metrics.REDIS_UP.set(self._redis().state == "connected")

    def look(self) -> Health:
        """The worker as it is now. Safe from any thread; never waits."""
        return Health(
            redis=self._redis(),
            progress_store=self._progress_store(),
            queue=self._queue(),
            jobs=self._jobs(),
            is_live=time.monotonic() - self._beat_at < LIVE_SECONDS and self._poller_is_alive(),
            is_ready=self._is_ready and not self._is_draining,
            is_draining=self._is_draining,
            loop_lag_seconds=self._loop_lag_seconds,
        )
