"""Runs a command that needs the stores or the queue: reads the settings, silences libraries, opens the clients."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from worker.client import Jobs
from worker.interrupts import run_interruptibly
from worker.settings import Need, Settings, load

T = TypeVar("T")


def run_with_client(needs: Collection[Need], command: Callable[[Jobs], Awaitable[int]]) -> int:
    """Run the command with a client for what the environment names.

    Raises ConfigurationError, KeyboardInterrupt, and what the command raises.
    """
    return run_with(needs, Jobs.of, command)


def run_with(
    needs: Collection[Need],
    opened: Callable[[Settings], AbstractAsyncContextManager[T]],
    command: Callable[[T], Awaitable[int]],
) -> int:
    """Run the command with what `opened` makes of the settings in the environment. Raises what both raise."""
    settings = load(os.environ, needs=needs)
    _silence_libraries()

    async def session() -> int:
        async with opened(settings) as parts:
            return await command(parts)

    return run_interruptibly(session)


def _silence_libraries() -> None:
    """Keep warnings of libraries out of the command's output. Our own log is silent until it is set up."""
    logging.captureWarnings(True)
    logging.getLogger().handlers = [logging.NullHandler()]
