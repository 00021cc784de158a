"""`worker run`: prepares the process, and runs a worker in it."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import AsyncExitStack

from worker.adapters.huge_pages import gather_heap
from worker.adapters.sandbox.launcher import shared_launcher
from worker.adapters.threads import share_arenas, started_threads
from worker.application.consuming.run_limits import RunLimits
from worker.bootstrap.assembly import assemble
from worker.settings import Settings

# Name look-ups and file access share these threads. With the default of six, one name server that hangs blocks all.
_THREADS = 32
_GC_THRESHOLDS = (10_000, 20, 20)
_SWITCH_SECONDS = 0.0005


async def run_worker(settings: Settings, name: str, limits: RunLimits) -> int:
    """Run, under this name in records, until a stop signal comes or a limit is reached; returns the exit code.

    Raises ConfigurationError where it cannot listen on the HTTP address, the workspace cannot be made, or
    WORKER_FFMPEG names no converter, and NoThreadsError.
    """
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    shared_launcher().start()  # it starts beside all that follows
    share_arenas()
    loop.set_default_executor(started_threads(_THREADS))
    share_the_interpreter()
    async with AsyncExitStack() as stack:
        lifecycle = await assemble(settings, name, stack, began_at)
        keep_for_good()
        gather_heap()
        return await lifecycle.run(limits)


def share_the_interpreter() -> None:
    """Let a thread that waits for the interpreter have it within half a millisecond; by default it takes five.

    The thread that answers HTTP needs it again after each call to the system. Measured on a busy machine, beside a
    flood of connections and a loop that computed half of the time: the median of a probe was 57 ms, and is 8 ms so.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)


def keep_for_good() -> None:
    """Exclude all objects that exist now from garbage collection: they live as long as the process.

    Most of them are the SDK's models. With them a full collection stops the loop for 60 ms, which is more than a
    write of progress may take; without them for less than 1 ms. New objects are collected less often than by default,
    because that took a tenth of a short job's CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
