"""Ctrl-C at any point: one cancellation, and then nothing that could disturb the tidying up."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FAILED = 1


def run_interruptibly(body: Callable[[], Awaitable[int]]) -> int:
    """Run the body and return its exit code; a signal cancels it, once, and then the code is 1."""
    return asyncio.run(_cancelled_by_signals(body))


async def _cancelled_by_signals(body: Callable[[], Awaitable[int]]) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    came: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        # A second signal must not stop what stops the processes.
        if not came:
            task.cancel()
        came.append(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        return await body()
    except asyncio.CancelledError:
        if not came:
            raise
        print("\nStopped. Nothing is left running.", file=sys.stderr)
        return _FAILED
