"""Work in processes that are forked for it, so that it leaves nothing behind in this one."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

_POLL_SECONDS = 0.005
_MEMORY_BYTES = 4 << 30  # a mutant that never stops to collect fails for it
_AT_ONCE = os.cpu_count() or 1

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Work(Generic[K]):
    """What a process does, and the time that it has by the clock. `key` is for the caller."""

    key: K
    do: Callable[[], bool]
    within_seconds: float


class _Child:
    """A process that does one work. What it prints is dropped, what it starts is ended with it."""

    def __init__(self, do: Callable[[], bool], within_seconds: float) -> None:
        self._pid = os.fork()
        if self._pid == 0:
            _run(do)
        self._deadline = time.monotonic() + within_seconds

    def succeeded(self) -> bool | None:
        """Whether the work ended in time and returned true; None while it goes on."""
        ended, status = os.waitpid(self._pid, os.WNOHANG)
        if ended:
            self._end_group()
            return os.waitstatus_to_exitcode(status) == 0
        if time.monotonic() < self._deadline:
            return None
        self.end()
        return False

    def end(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._end_group()

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)


def results(works: Iterable[Work[K]]) -> Iterator[tuple[K, bool]]:
    """The keys of the works, each with whether it ended in time and returned true, in the order in which they end.

    There are as many processes at a time as the machine has processors.
    """
    waiting = iter(works)
    running: dict[_Child, K] = {}
    try:
        while True:
            while len(running) < _AT_ONCE and (work := next(waiting, None)) is not None:
                running[_Child(work.do, work.within_seconds)] = work.key
            if not running:
                return
            for child, key in list(running.items()):
                if (succeeded := child.succeeded()) is not None:
                    del running[child]
                    yield key, succeeded
            time.sleep(_POLL_SECONDS)
    finally:
        for child in running:
            child.end()


def succeeds(do: Callable[[], bool], *, within_seconds: float) -> bool:
    """Whether the one work ends in time and returns true."""
    ((_, succeeded),) = results([Work(None, do, within_seconds)])
    return succeeded


def limit_cpu_seconds(seconds: float) -> None:
    """Ends this process after so many more seconds of its own work, however busy the machine is."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def _run(do: Callable[[], bool]) -> None:
    code = 1
    stderr = os.dup(2)
    try:
        _settle()
        code = 0 if do() else 1
    except BaseException:  # noqa: BLE001  # a mistake of ours: tests that fail raise nothing here
        os.write(stderr, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _settle() -> None:
    os.setsid()  # its group is that of all that it starts
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(quiet, fd)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
