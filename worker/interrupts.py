"""Ctrl-C at any time ends a command without a traceback, and does not interrupt its cleaning up."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from worker.signals import handling_signals


def leave_at_once_on(number: signal.Signals, exit_code: int) -> None:
    """Have the signal end the process at once from now on. For the time in which there is nothing to clean up.

    An exception could be raised in the middle of an import or of a finalizer, and Python would print a traceback.
    """
    signal.signal(number, lambda *_: os._exit(exit_code))


def run_interruptibly(
    body: Callable[[], Coroutine[Any, Any, int]], signals: Collection[signal.Signals] = (signal.SIGINT,)
) -> int:
    """Run the body in an event loop and return its exit code. The first of the signals that comes cancels it.

    Raises KeyboardInterrupt if that has ended it.
    """
    exit_code = asyncio.run(_cancelled_by(signals, body))
    if exit_code is None:
        raise KeyboardInterrupt
    return exit_code


async def _cancelled_by(
    signals: Collection[signal.Signals], body: Callable[[], Coroutine[Any, Any, int]]
) -> int | None:
    task = asyncio.current_task()
    assert task is not None
    came: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        # Only the first one cancels: another must not interrupt the code that ends processes and uploads.
        if not came:
            task.cancel()
        came.append(number)

    with handling_signals(signals, interrupt):
        try:
            return await body()
        except asyncio.CancelledError:
            if not came:
                raise
            return None
