"""Scale-in protection that is remembered here, on the clock of the loop, and refused when a test says so."""

from __future__ import annotations

import asyncio

from worker.domain.errors import DependencyUnavailableError


class FakeProtection:
    """`protected_until` is loop time; `refusals` are used up one a call; `calls` lists what was asked, and when."""

    def __init__(self) -> None:
        self.protected_until: float | None = None
        self.refusals: list[Exception] = []
        self.is_refusing = False
        self.calls: list[tuple[str, float]] = []

    @property
    def is_protected(self) -> bool:
        return self.protected_until is not None and asyncio.get_running_loop().time() < self.protected_until

    async def protect(self, minutes: int) -> None:
        await self._enter("protect")
        self.protected_until = asyncio.get_running_loop().time() + minutes * 60

    async def release(self) -> None:
        await self._enter("release")
        self.protected_until = None

    async def _enter(self, call: str) -> None:
        await asyncio.sleep(0)
        self.calls.append((call, asyncio.get_running_loop().time()))
        if self.refusals:
            raise self.refusals.pop(0)
        if self.is_refusing:
            raise DependencyUnavailableError("ECS", "refused: DEPLOYMENT_BLOCKED")
