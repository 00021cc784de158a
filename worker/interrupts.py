"""Ctrl-C at any point: an end without a traceback, and nothing that could disturb the tidying up."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from worker.signals import handling_signals


def leave_at_once_on(number: signal.Signals, exit_code: int) -> None:
    """For as long as nothing is held: the signal ends the process where it stands.

    An exception would come up in the middle of an import, or of a finalizer, which print it.
    """
    signal.signal(number, lambda *_: os._exit(exit_code))


def run_interruptibly(
    body: Callable[[], Coroutine[Any, Any, int]], signals: Collection[signal.Signals] = (signal.SIGINT,)
) -> int:
    """Run the body in an event loop and return its exit code; the first of the signals cancels it.

    Raises KeyboardInterrupt when it has ended by that.
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
        # A second signal must not stop what ends processes and uploads.
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
