"""Credentials that are missing as long as a test says."""

from __future__ import annotations

import asyncio


class MemoryCredentials:
    """The `Credentials` port: for the first `missing` questions there are none. It never answers if `hangs`."""

    def __init__(self, missing: int = 0) -> None:
        self.asked = 0
        self.hangs = False
        self._missing = missing

    async def problem(self) -> str | None:
        self.asked += 1
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(0)
        return "none yet" if self.asked <= self._missing else None
