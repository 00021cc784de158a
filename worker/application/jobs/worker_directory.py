"""The directory in which one worker keeps its jobs, with a lock that dies with the process.

The file of the lock says how much of the disk the worker's jobs have reserved. So that number counts as long as the
worker lives.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from worker.events import Event, emit

LOCK = "lock"
PREFIX = "audio-worker-"
DIGITS = 20  # of the number in the lock


class WorkerDirectory:
    """The directory of this worker under `root`, which is made. Raises OSError where it cannot be made."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._announced_bytes: int | None = None
        self._make()

    def make_again(self) -> None:
        """Make another directory, in place of one that has been removed. Raises OSError."""
        removed, lock_fd = self.path, self._lock_fd
        self._make()
        os.close(lock_fd)
        emit(Event.WORKSPACE_REMADE, removed=str(removed), directory=str(self.path))

    def announce(self, reserved_bytes: int) -> None:
        """Let other workers see how much this worker's jobs have reserved, with what is written of it."""
        if reserved_bytes != self._announced_bytes:
            with suppress(OSError):  # a full disk, of which nothing can be reserved
                # All digits in one write: nobody reads a part of the number.
                os.pwrite(self._lock_fd, b"%0*d" % (DIGITS, reserved_bytes), 0)
                self._announced_bytes = reserved_bytes

    def close(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock_fd)

    def _make(self) -> None:
        make_root(self._root)
        self.path = Path(mkdtemp(prefix=PREFIX, dir=self._root))
        self._lock_fd = _lock(self.path)
        self._announced_bytes = None
        self.announce(0)  # the lock takes its space of the disk now, and not when a job has counted what is free


def make_root(root: Path) -> None:
    """Make the directory unless it is there. Raises OSError."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except FileExistsError as exc:  # also a link that leads nowhere, as to a volume that is not mounted
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root)) from exc


def directories_in(root: Path) -> set[Path]:
    """The directories of all workers of this user, dead ones included. Raises OSError.

    In a root that all users may write to, such as /tmp, others may have made directories or links of such a name.
    """
    with os.scandir(root) as entries:
        return {Path(entry.path) for entry in entries if entry.name.startswith(PREFIX) and _is_own_directory(entry)}


def sweep(root: Path) -> None:
    """Remove what dead workers left. A directory whose lock can be had has no owner. Raises OSError."""
    for directory in directories_in(root):
        with suppress(OSError), opened_lock(directory, os.O_RDWR) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def opened_lock(directory: Path, access: int) -> Iterator[int]:
    """The descriptor of the directory's lock, opened for that access (os.O_RDONLY or os.O_RDWR).

    Never waits, whatever has the lock's name: to open a FIFO would wait for its writer. Raises OSError where it is no
    plain file of this user.
    """
    lock = os.open(directory / LOCK, access | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(lock)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(directory / LOCK))
        yield lock
    finally:
        os.close(lock)


def _is_own_directory(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # it has gone
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    return False


def _lock(directory: Path) -> int:
    """Lock the directory. The lock gets its name only when it is ours, so no sweep can come in between."""
    unnamed = directory / f"{LOCK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(directory / LOCK)
    return lock
