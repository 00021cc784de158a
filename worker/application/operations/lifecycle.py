"""A worker from its first log line to its exit: start, stop signal, drain."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from worker.application.consuming.consumer import Consumer
from worker.application.consuming.run_limits import UNLIMITED, RunLimits
from worker.events import Event, emit
from worker.signals import handling_signals

SideTask = Callable[[], Coroutine[Any, Any, None]]

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SHORTEST_DRAIN_SECONDS = 1.0  # giving messages back takes some time
# The last part of the drain: to kill converters, abort uploads, write records and give messages back.
_RELEASE_SECONDS = 10.0
_RELEASE_SHARE = 0.25


class SideTaskEndedError(Exception):
    """A task that should last as long as the worker has returned."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} ended")


class DrainUnfinishedError(Exception):
    """The drain's time is over and a job has not ended. Its message comes back when its lease ends."""


class Lifecycle:
    """Runs the consumer, and beside it the side tasks. If a side task ends by itself, the process ends.

    SIGTERM or SIGINT begins the drain; a second signal stops the running jobs at once. `drain_seconds` is the time
    from the signal to the last release; less than a second counts as one. `side_tasks`, by name, are cancelled after
    the drain, so that leases are renewed until then. `announced` holds the fields of `worker.started`.
    `began_at` is the loop time at which the process began.
    """

    def __init__(
        self,
        consumer: Consumer,
        side_tasks: Mapping[str, SideTask],
        *,
        drain_seconds: float,
        announced: Mapping[str, Any],
        began_at: float,
    ) -> None:
        self._consumer = consumer
        self._side_tasks = side_tasks
        self._drain_seconds = max(drain_seconds, _SHORTEST_DRAIN_SECONDS)
        self._release_seconds = min(_RELEASE_SECONDS, self._drain_seconds * _RELEASE_SHARE)
        self._announced = announced
        self._began_at = began_at
        self._drain_began: float | None = None
        self._drain_end = math.inf
        self._limit: asyncio.Timeout | None = None  # of the drain, once it has begun

    @property
    def is_draining(self) -> bool:
        return self._drain_began is not None

    async def run(self, limits: RunLimits = UNLIMITED) -> int:
        """Work until a signal comes or a limit is reached, then drain.

        Returns the exit code: 0, or 1 after a bug or an unfinished drain.
        """
        emit(Event.WORKER_STARTED, **self._announced)
        exit_code = 0
        try:
            with handling_signals(_STOP_SIGNALS, self._on_signal):
                await self._work(limits)
        except* DrainUnfinishedError:
            exit_code = 1
        except* Exception as crash:  # noqa: BLE001 - logged: the process ends by it
            exit_code = 1
            emit(Event.WORKER_CRASHED, exception=crash)
        emit(
            Event.WORKER_STOPPED,
            exit_code=exit_code,
            drain_seconds=round(self._draining_for(), 3),
            released=self._consumer.status().settled.get("release", 0),
        )
        return exit_code

    async def _work(self, limits: RunLimits) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_lasting(name, body), name=name) for name, body in self._side_tasks.items()]
            tasks.append(group.create_task(self._announce_ready(), name="ready"))
            try:
                async with asyncio.timeout(None) as self._limit:
                    await self._consumer.run(limits)
            except TimeoutError:
                raise DrainUnfinishedError from None
            finally:
                self._limit = None
            for task in tasks:  # renewals too: every lease has ended
                task.cancel()

    async def _announce_ready(self) -> None:
        await self._consumer.first_poll()
        startup_seconds = asyncio.get_running_loop().time() - self._began_at
        emit(Event.WORKER_READY, startup_seconds=round(startup_seconds, 3))

    def _on_signal(self, number: signal.Signals) -> None:
        now = asyncio.get_running_loop().time()
        if self._drain_began is not None:
            self._consumer.stop(jobs_until=now, settle_until=min(self._drain_end, now + self._release_seconds))
            # A call that has begun gets ten seconds, if the drain is long enough.
            self._cut_off_at(min(self._drain_end, now + _RELEASE_SECONDS))
            return
        self._drain_began = now
        emit(
            Event.WORKER_DRAINING,
            signal=number.name,
            jobs=self._consumer.status().jobs,
            drain_seconds=self._drain_seconds,
        )
        end = now + self._drain_seconds
        self._consumer.stop(jobs_until=end - self._release_seconds, settle_until=end)
        self._cut_off_at(end)

    def _cut_off_at(self, end: float) -> None:
        self._drain_end = end
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(end)

    def _draining_for(self) -> float:
        return 0.0 if self._drain_began is None else asyncio.get_running_loop().time() - self._drain_began


async def _lasting(name: str, body: SideTask) -> None:
    await body()
    raise SideTaskEndedError(name)
