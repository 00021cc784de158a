"""Work that is finished even if its caller is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_shielded(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work, however often the caller is cancelled meanwhile. The cancellation is raised afterwards."""
    task = asyncio.create_task(work)
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as exc:
            interruption = exc
    task.result()
    if interruption is not None:
        raise interruption
