"""Work in a process that is forked for it, so that it leaves nothing behind in this one."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable

_POLL_SECONDS = 0.005
_MEMORY_BYTES = 4 << 30  # a mutant that never stops to collect fails for it


def succeeds(work: Callable[[], bool], *, within_seconds: float) -> bool:
    """Whether the work ends in time and returns true. What it prints is dropped, what it starts is ended."""
    child = os.fork()
    if child == 0:
        code = 1
        stderr = os.dup(2)
        try:
            _settle()
            code = 0 if work() else 1
        except BaseException:  # noqa: BLE001  # a mistake of ours: tests that fail raise nothing here
            os.write(stderr, traceback.format_exc().encode())
        finally:
            os._exit(code)
    deadline = time.monotonic() + within_seconds
    try:
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(_POLL_SECONDS)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def limit_cpu_seconds(seconds: float) -> None:
    """Ends this process after so many more seconds of its own work, however busy the machine is."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def _settle() -> None:
    os.setsid()  # its group is that of all that it starts
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(quiet, fd)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
