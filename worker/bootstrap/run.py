"""`worker run`: prepares the process, and runs a worker in it."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

from worker.bootstrap.assembly import assemble
from worker.settings import Settings

# Look-ups of names and files share these threads; the default of six would let one hung resolver hold up the rest.
_THREADS = 32
_GC_THRESHOLDS = (10_000, 20, 20)


async def run_worker(settings: Settings) -> int:
    """Run until a stop signal; returns the exit code.

    Raises ConfigurationError where the HTTP address cannot be had, the workspace cannot be made, or WORKER_FFMPEG
    names no converter.
    """
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    _watch_children(loop)
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="worker"))
    async with AsyncExitStack() as stack:
        lifecycle = await assemble(settings, stack, began_at)
        keep_for_good()
        return await lifecycle.run()


def keep_for_good() -> None:
    """Take all objects that there are now out of the garbage collector's sight: they live as long as the process.

    Most are the SDK's models. With them, each full collection stops the loop for 60 ms, which is more than a write of
    progress may take; without them, for less than one. So what is new can gather for longer, too: looking at it as
    often as Python does by itself was a tenth of a short job's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _watch_children(loop: asyncio.AbstractEventLoop) -> None:
    """Learn of a converter's end from a file descriptor: before Python 3.12 the default starts a thread for each."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(loop)
        asyncio.set_child_watcher(watcher)
