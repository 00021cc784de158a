"""Nothing is received before there are credentials. The chain that finds them may be late, and is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from worker.domain.backoff import Backoff
from worker.events import Event, emit
from worker.ports import Credentials
from worker.waiting import wait_for_event

_BACKOFF = Backoff(first_seconds=0.5, factor=2, cap_seconds=15, floor=0.5)


class CredentialsCheck:
    """Looks for credentials until the first are found; it passes once. `random` gives numbers in [0, 1)."""

    def __init__(self, credentials: Credentials, *, random: Callable[[], float]) -> None:
        self._credentials = credentials
        self._random = random
        self.passed = asyncio.Event()
        self.is_waiting = False  # whether credentials were missing and still are; for any thread

    async def wait(self, stopping: asyncio.Event) -> None:
        """Return when there are credentials, or when `stopping` is set. Logs one warning, and when they are found."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        failures = 0
        while not (self.passed.is_set() or stopping.is_set()):
            problem = await self._ask(stopping)
            if problem is None:
                continue
            failures += 1
            if not self.is_waiting:
                self.is_waiting = True
                emit(Event.CREDENTIALS_MISSING, error=problem)
            await wait_for_event(stopping, _BACKOFF.delay(failures, self._random()))
        if self.is_waiting and self.passed.is_set():
            emit(Event.CREDENTIALS_FOUND, outage_seconds=round(loop.time() - began, 3), failures=failures)
            self.is_waiting = False

    async def _ask(self, stopping: asyncio.Event) -> str | None:
        """The problem; None where there is none or the worker stops meanwhile."""
        asking = asyncio.create_task(self._credentials.problem(), name="ask for credentials")
        stop = asyncio.create_task(stopping.wait(), name="stop asking")
        try:
            await asyncio.wait({asking, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                return None
            problem = asking.result()
        finally:
            asking.cancel()
            stop.cancel()
        if problem is None:
            self.passed.set()
        return problem
