"""Pauses of consumption: nothing is received while no job can be done, and a probe asks whether that is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from worker.domain.backoff import Backoff
from worker.events import Event, Level, emit
from worker.waiting import wait_for_event

_PROBE_SECONDS = 15.0  # for one probe


class PauseReason(StrEnum):
    """Why consumption pauses: the words in the event `consumption.paused` (docs/events.md)."""

    REJECTS = "rejects"
    TABLE = "table"
    WORKSPACE = "workspace"
    S3 = "s3"
    CREDENTIALS = "credentials"  # it has log events of its own


@dataclass(frozen=True, slots=True)
class Problem:
    """What a probe found. `is_lasting`: it does not pass by itself, so somebody has to change something."""

    text: str
    is_lasting: bool = False

    @property
    def level(self) -> Level:
        """Of the log lines about it."""
        return "error" if self.is_lasting else "warning"


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause that goes on: its reason, and what the last probe found."""

    reason: PauseReason
    problem: str


class Cause(Protocol):
    """A dependency that every job needs, or a limit that stops all jobs."""

    reason: PauseReason
    backoff: Backoff  # between two probes

    @property
    def is_suspected(self) -> bool:
        """Whether something has failed since the last good probe, so that it has to be asked."""

    async def probe(self) -> Problem | None:
        """Ask whether jobs can be done; None: they can, and nothing is suspected any more."""

    def begun(self, problem: Problem) -> None:
        """A pause begins."""

    def ended(self, seconds: float) -> None:
        """The pause is over, after so many seconds."""


class Pauses:
    """Keeps the poll loop from receiving while one of the `causes` has a problem.

    A failure alone pauses nothing: the cause is asked first, and a failure that has passed by then leaves no trace.
    `suspicion` is set by a cause that is to be asked at once. `random` gives numbers in [0, 1).
    """

    def __init__(self, causes: Sequence[Cause], suspicion: asyncio.Event, *, random: Callable[[], float]) -> None:
        self._causes = causes
        self._suspicion = suspicion
        self._random = random
        self._asking = asyncio.Lock()  # each cause is asked by one caller at a time
        self._current: Pause | None = None

    @property
    def current(self) -> Pause | None:
        """The pause that goes on. For any thread."""
        return self._current

    async def wait_while_paused(self, stopping: asyncio.Event) -> None:
        """Return when no cause has a problem, at once where none is suspected, or when `stopping` is set."""
        async with self._asking:
            for cause in self._causes:
                if cause.is_suspected and not stopping.is_set():
                    problem = await _asked(cause)
                    if problem is not None:
                        await self._pause(cause, problem, stopping)

    async def watch(self, stopping: asyncio.Event) -> None:
        """Pause at each suspicion, also while nothing is received because no slot is free. Ends with `stopping`."""
        while not stopping.is_set():
            await self._suspicion.wait()
            self._suspicion.clear()
            await self.wait_while_paused(stopping)

    async def _pause(self, cause: Cause, problem: Problem, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        self._current = Pause(cause.reason, problem.text)
        cause.begun(problem)
        emit(
            Event.CONSUMPTION_PAUSED,
            problem.level,
            reason=cause.reason.value,
            error=problem.text,
        )
        await self._until_over(cause, stopping)
        self._current = None
        if not stopping.is_set():
            seconds = loop.time() - began_at
            cause.ended(seconds)
            emit(Event.CONSUMPTION_RESUMED, reason=cause.reason.value, pause_seconds=round(seconds, 3))

    async def _until_over(self, cause: Cause, stopping: asyncio.Event) -> None:
        probes = 0
        while True:
            probes += 1
            if await wait_for_event(stopping, cause.backoff.delay(probes, self._random())):
                return
            problem = await _asked(cause)
            if problem is None:
                return
            self._current = Pause(cause.reason, problem.text)


async def _asked(cause: Cause) -> Problem | None:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await cause.probe()
    except TimeoutError:
        return Problem("no answer in time")
    except Exception as exc:  # noqa: BLE001 - a bug in a probe neither ends the poll loop nor pauses it for ever
        emit(Event.BUG_CAUGHT, place=f"the probe of {cause.reason.value}", exception=exc)
        return None
