"""A topic that is a list, and that fails as a test says."""

from __future__ import annotations

import asyncio

from worker.domain.completion import CompletionEvent
from worker.domain.errors import DependencyUnavailableError


class FakePublisher:
    """`events` are those that were kept, in order. `failures` are used up one a call; `is_failing` fails all calls.

    A call `hangs` for ever after the event was kept.
    """

    name = "sns"

    def __init__(self) -> None:
        self.events: list[CompletionEvent] = []
        self.failures: list[Exception] = []
        self.is_failing = False
        self.hangs = False

    async def publish(self, event: CompletionEvent) -> None:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        if self.is_failing:
            raise DependencyUnavailableError("SNS", "did not answer")
        self.events.append(event)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
