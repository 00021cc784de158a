"""The world of one run: the loop, randomness from the seed, the checker, and the connections of each party."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from tests.simulation.core.checker import BaseChecker, ViolationError
from tests.simulation.core.log_capture import captured_events
from tests.simulation.core.message_cache import messages_read_once
from tests.simulation.core.network import Network
from tests.simulation.core.schedule import BaseSchedule
from tests.support.lean_loop import LeanLoop

S = TypeVar("S", bound=BaseSchedule)
C = TypeVar("C", bound=BaseChecker)

_EPOCH = datetime(2026, 11, 22, 20, tzinfo=UTC)


class BaseWorld(ABC, Generic[S, C]):
    """What a simulation adds: servers, actors, what happens in a run, and which log events it looks at."""

    checker: C

    def __init__(self, schedule: S) -> None:
        self.schedule = schedule
        self.loop = LeanLoop()  # type: ignore[abstract]  # asyncio needs no more of it
        self.began_at = self.loop.now
        self.rng = random.Random(schedule.seed + 1)
        self._link_faults = schedule.link_faults

    def now(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.loop.now)

    def network(self, party: str) -> Network:
        """The connections of a party, which is named in the faults of the schedule."""
        faults = [each for each in self._link_faults if party in each.who]
        return Network(self.loop, self.rng, self.began_at, faults)

    @abstractmethod
    async def play(self) -> None:
        """Everything that happens, up to the checks at the end."""

    @abstractmethod
    def log_event(self, event: str, fields: Mapping[str, object]) -> None:
        """The code under test has logged this event of the catalogue."""

    def run(self) -> ViolationError | None:
        """Play once. Returns the violation that ended the run, if one did."""
        with captured_events(self.log_event), messages_read_once():
            try:
                self.loop.run(self.play())
            except ViolationError as violation:
                return violation
        return None
