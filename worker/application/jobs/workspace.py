"""Where sources and outputs lie while a job runs: a private directory for each, gone when it ends.

A worker that was killed cannot tidy up. So each keeps its jobs under a directory of its own, with a lock that dies
with the process, and sweeps those of dead workers when it starts.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from worker.application.jobs.other_workers import LOCK, PREFIX, OtherWorkers
from worker.application.jobs.space import Reservation, WorkspaceSpace
from worker.domain.errors import DependencyUnavailableError
from worker.events import Event, emit
from worker.ports import Volume

_PROBE_BYTES = 64 * 1024


# The errors of the system that are the workspace's. Any other one is a bug of ours or has another cause.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})  # no bytes or no inodes are left
_UNUSABLE = frozenset(
    {
        *(errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
        *(errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO),  # of a mount: NFS, FUSE, a volume taken away
    }
)


@contextmanager
def open_workspace(root: Path | None, volume: Volume) -> Iterator[Workspace]:
    """This worker's directory under `root` (None: the system's temporary directory); removed at the end.

    Raises OSError where it cannot be made.
    """
    root = root or Path(gettempdir())
    _make_root(root)
    _sweep(root)
    own = _OwnDirectory(root)
    try:
        yield Workspace(own.path, own.make_again, volume)
    finally:
        own.close()


def _make_root(root: Path) -> None:
    """Make the directory unless it is there. Raises OSError."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except FileExistsError as exc:  # also a link that leads nowhere, as to a volume that is not mounted
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root)) from exc


def _lock(directory: Path) -> int:
    """Lock the directory. The lock gets its name only when it is ours, so no sweep can come in between."""
    unnamed = directory / f"{LOCK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(directory / LOCK)
    return lock


def _sweep(root: Path) -> None:
    """Remove what dead workers left. A directory whose lock can be had has no owner."""
    for directory in root.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = os.open(directory / LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
            finally:
                os.close(lock)


class _OwnDirectory:
    """The directory of this worker, with its lock. Raises OSError where it cannot be made."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock_fd = -1
        self._make()

    def make_again(self) -> Path:
        """Another one, in place of one that has been removed."""
        removed, lock_fd = self.path, self._lock_fd
        self._make()
        os.close(lock_fd)
        emit(Event.WORKSPACE_REMADE, removed=str(removed), directory=str(self.path))
        return self.path

    def close(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock_fd)

    def _make(self) -> None:
        _make_root(self._root)
        self.path = Path(mkdtemp(prefix=PREFIX, dir=self._root))
        self._lock_fd = _lock(self.path)


@dataclass(frozen=True, slots=True)
class JobDirectory:
    """Where a job keeps its files, and the space that it has for them."""

    path: Path
    space: Reservation

    def clear(self) -> None:
        """Remove all files in it."""
        for path in self.path.iterdir():
            path.unlink()


class Workspace:
    """Hands out a directory for each job, beneath `directory`, which is on the `volume`.

    Cleaners of temporary directories, such as systemd-tmpfiles, may remove that one. `make_again` then makes another.
    """

    def __init__(self, directory: Path, make_again: Callable[[], Path], volume: Volume) -> None:
        self.directory = directory
        self._make_again = make_again
        self._volume = volume
        self._space = WorkspaceSpace(volume, OtherWorkers(lambda: self.directory, volume))

    @asynccontextmanager
    async def job_directory(self) -> AsyncIterator[JobDirectory]:
        """A new, empty directory that only this process's user can read; removed with all that is in it.

        Raises WorkspaceFullError and DependencyUnavailableError, also for errors of the system within the `with`.
        """
        with self._translated():
            # Not in a thread, which costs more than both: and a cancelled job must not leave its files behind.
            directory = self._new_directory()
            with self._space.reservation(directory) as reservation:
                try:
                    yield JobDirectory(directory, reservation)
                finally:
                    shutil.rmtree(directory, ignore_errors=True)

    def probe(self) -> None:
        """Write a little, and remove it. Raises WorkspaceFullError and DependencyUnavailableError."""
        with self._translated():
            directory = self._new_directory()
            try:
                (directory / "probe").write_bytes(bytes(_PROBE_BYTES))
            finally:
                shutil.rmtree(directory, ignore_errors=True)

    def _new_directory(self) -> Path:
        try:
            return Path(mkdtemp(dir=self.directory))
        except FileNotFoundError:
            self.directory = self._make_again()
            return Path(mkdtemp(dir=self.directory))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors of the system that are the workspace's into ours, after which the job is tried again."""
        try:
            yield
        except OSError as exc:
            if exc.errno in _FULL:
                raise self._volume.full_error(self.directory) from exc
            if exc.errno in _UNUSABLE:
                raise DependencyUnavailableError("the workspace", f"cannot be used ({exc.strerror})") from exc
            raise
