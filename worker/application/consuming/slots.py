"""The slots of a worker: its jobs run beside each other, or one that is suspect runs alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from worker.application.consuming.spare_slots import SpareSlots
from worker.domain.errors import ShutdownError


class Slots:
    """Says which jobs may run now. Suspects run one after the other, in the order in which they came.

    From the moment at which a suspect waits until the last one has ended, `is_reserved` is true: nothing is received,
    and no other job begins. The jobs that run already go on, and the suspect waits for them.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self._running = 0
        self._line: deque[asyncio.Future[None]] = deque()  # of suspects that wait
        self._alone: asyncio.Future[None] | None = None  # the suspect that runs
        self._is_closed = False
        self.are_left_free = False  # nothing is received for the moment
        self.changed = asyncio.Event()  # who waits for a slot has to ask again
        self.spare = SpareSlots(concurrency, lambda: self.is_reserved)

    @property
    def is_reserved(self) -> bool:
        """Whether a suspect runs here, or waits until it can. For any thread."""
        return self._alone is not None or bool(self._line)

    def leave_free(self) -> None:
        """Have nothing received until `take_again`. What has been received goes on, and its jobs may begin."""
        self.are_left_free = True

    def take_again(self) -> None:
        self.are_left_free = False
        self.changed.set()

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Inside, a job runs. To be entered while the slots are not reserved."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._admit()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Inside, a suspect runs and nothing beside it. Raises ShutdownError where the worker stops before that."""
        if self._is_closed:
            raise ShutdownError
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self._admit()
        try:
            await turn
            yield
        finally:
            if turn in self._line:
                self._line.remove(turn)
            if self._alone is turn:
                self._alone = None
            self._admit()

    def close(self) -> None:
        """Let no further suspect begin: those that wait are given back."""
        self._is_closed = True
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_exception(ShutdownError())

    def _admit(self) -> None:
        if self._line and self._alone is None and self._running == 0:
            self._alone = self._line.popleft()
            if not self._alone.done():
                self._alone.set_result(None)
