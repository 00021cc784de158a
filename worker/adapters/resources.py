"""What this process and its converters use of the machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


class MachineResources:
    """Memory by the kernel's accounts, and space in the workspace.

    `launcher` returns the pid of the process that starts converters, which may have ended; None while there is none.
    `workspace` returns the directory.
    """

    def __init__(self, workspace: Callable[[], Path], launcher: Callable[[], int | None]) -> None:
        self._workspace = workspace
        self._launcher = launcher

    def workspace_free_bytes(self) -> int | None:
        with suppress(OSError):
            stats = os.statvfs(self._workspace())
            return stats.f_bavail * stats.f_frsize
        return None

    def worker_memory_bytes(self) -> int | None:
        return _resident_bytes(os.getpid())

    def converters_memory_bytes(self) -> int | None:
        """The memory of all that the launcher has started and that runs now."""
        launcher = self._launcher()
        if launcher is None:
            return 0
        children = _children_of(launcher)
        return None if children is None else sum(_resident_bytes(child) or 0 for child in children)


def _children_of(pid: int) -> Sequence[int] | None:
    """The children of a process; None where the kernel does not say."""
    with suppress(OSError, ValueError):
        return [int(word) for word in (_PROC / f"{pid}/task/{pid}/children").read_text("ascii").split()]
    return None


def _resident_bytes(pid: int) -> int | None:
    """The resident memory: statm's second number counts its pages (proc(5)). None where the process has ended."""
    with suppress(OSError, ValueError, IndexError):
        pages = int((_PROC / f"{pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return None
