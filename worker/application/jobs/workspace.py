"""Where sources and outputs lie while a job runs: a private directory for each, gone when it ends.

A worker that was killed cannot tidy up. So each keeps its jobs under a directory of its own, with a lock that dies
with the process, and sweeps those of dead workers when it starts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

_PREFIX = "audio-worker-"
_LOCK = "lock"


@contextmanager
def open_workspace(root: Path | None) -> Iterator[Workspace]:
    """This worker's directory under `root` (None: the system's temporary directory); removed at the end.

    Raises OSError where it cannot be made.
    """
    root = root or Path(gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    directory = Path(mkdtemp(prefix=_PREFIX, dir=root))
    lock = _lock(directory)
    try:
        yield Workspace(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _lock(directory: Path) -> int:
    """Lock the directory. The lock gets its name only when it is ours, so no sweep can come in between."""
    unnamed = directory / f"{_LOCK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(directory / _LOCK)
    return lock


def _sweep(root: Path) -> None:
    """Remove what dead workers left. A directory whose lock can be had has no owner."""
    for directory in root.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            lock = os.open(directory / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
            finally:
                os.close(lock)


class Workspace:
    """Hands out a directory for each job."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @asynccontextmanager
    async def job_directory(self) -> AsyncIterator[Path]:
        """A new, empty directory that only this process's user can read; removed with all that is in it."""
        # Not in a thread, which costs more than both: and a cancelled job must not leave its files behind.
        directory = Path(mkdtemp(dir=self.directory))
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
