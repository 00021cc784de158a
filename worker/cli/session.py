"""Runs a command that needs the stores or the queue: reads the settings, silences the log, opens the clients."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection

from worker import logs
from worker.bootstrap import Client, open_client
from worker.interrupts import run_interruptibly
from worker.settings import Need, load


def run_with_client(needs: Collection[Need], command: Callable[[Client], Awaitable[int]]) -> int:
    """Run the command with clients for what the environment names.

    Raises ConfigurationError, KeyboardInterrupt, and what the command raises.
    """
    settings = load(os.environ, needs=needs)
    logs.silence()

    async def session() -> int:
        async with open_client(settings) as client:
            return await command(client)

    return run_interruptibly(session)
