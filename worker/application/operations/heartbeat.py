"""The line of each minute: what this worker does, what waits for it, and what it has left."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from worker import metrics
from worker.application.operations.health import HealthMonitor
from worker.domain.errors import DependencyUnavailableError
from worker.events import Event, emit

_SECONDS = 60.0
_ASK_SECONDS = 5.0  # a queue that does not answer delays the line by no more


class Countable(Protocol):
    """What a heartbeat needs of the queue."""

    async def depth(self) -> int:
        """About how many messages wait. Raises DependencyUnavailableError."""


class Resources(Protocol):
    """What is in use of the machine, in bytes; None where that cannot be found out."""

    def workspace_free_bytes(self) -> int | None: ...
    def worker_memory_bytes(self) -> int | None: ...
    def converters_memory_bytes(self) -> int | None: ...


class Heartbeat:
    """Writes `worker.heartbeat` once a minute, and asks the queue for its depth each time."""

    def __init__(
        self, monitor: HealthMonitor, queue: Countable, resources: Resources, *, now: Callable[[], datetime]
    ) -> None:
        self._monitor = monitor
        self._queue = queue
        self._resources = resources
        self._now = now

    async def run(self) -> None:
        """Beat for ever, in every state of the worker."""
        while True:
            await asyncio.sleep(_SECONDS)
            emit(Event.WORKER_HEARTBEAT, **self._monitor.pulse(), **await self._load(), **self._left())

    async def _load(self) -> Mapping[str, Any]:
        depth = None
        with suppress(DependencyUnavailableError, TimeoutError):
            async with asyncio.timeout(_ASK_SECONDS):
                depth = await self._queue.depth()
        metrics.QUEUE_DEPTH.set(math.nan if depth is None else depth)
        return {"queue_depth": depth, "oldest_message_seconds": self._oldest_message_seconds(depth)}

    def _oldest_message_seconds(self, depth: int | None) -> float | None:
        """About the most seconds that a waiting message has waited. None where no message has come yet.

        SQS gives the age to CloudWatch alone. But messages come nearly in the order in which they were sent, so those
        that wait are hardly older than the youngest that has come.
        """
        if depth == 0:
            return 0.0
        youngest = self._monitor.snapshot().consumer.youngest_sent_at_ms
        if depth is None or youngest is None:
            return None
        return round(max(0.0, self._now().timestamp() - youngest / 1000), 3)

    def _left(self) -> Mapping[str, int | None]:
        converters = self._resources.converters_memory_bytes()
        metrics.CONVERTERS_MEMORY.set(converters or 0)
        return {
            "workspace_free_bytes": self._resources.workspace_free_bytes(),
            "worker_memory_bytes": self._resources.worker_memory_bytes(),
            "converters_memory_bytes": converters,
        }
