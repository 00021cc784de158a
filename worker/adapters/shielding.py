"""Work that is finished even if its caller is cancelled."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any

_LEFT: set[asyncio.Task[None]] = set()  # that still run; the loop itself keeps no reference to a task


async def run_shielded(work: Coroutine[Any, Any, None], *, seconds: float = math.inf) -> None:
    """Finish the work, however often the caller is cancelled meanwhile.

    Raises CancelledError afterwards if the caller was cancelled, whatever the work raised: a caller that handles
    errors of the work must not go on. Else raises what the work raises. Work that takes longer than `seconds` goes on
    beside the caller; it must raise nothing.
    """
    time = asyncio.get_running_loop().time
    task = asyncio.create_task(work)
    _LEFT.add(task)
    task.add_done_callback(_LEFT.discard)
    ends_at = time() + seconds
    interruption: asyncio.CancelledError | None = None
    while not task.done() and (left_seconds := ends_at - time()) > 0:
        try:
            await asyncio.wait([task], timeout=None if left_seconds == math.inf else left_seconds)
        except asyncio.CancelledError as exc:
            interruption = exc
    if interruption is not None:
        if task.done() and not task.cancelled():
            task.exception()  # else asyncio logs that nobody has seen it
        raise interruption
    if task.done():
        task.result()
