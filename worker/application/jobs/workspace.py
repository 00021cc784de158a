"""Where sources and outputs lie while a job runs: a private directory for each, gone when it ends.

A worker that was killed cannot tidy up. So each keeps its jobs under a directory of its own, with a lock that dies
with the process, and sweeps those of dead workers when it starts.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from worker.application.jobs.other_workers import OtherWorkers
from worker.application.jobs.space import Reservation, WorkspaceSpace
from worker.application.jobs.worker_directory import WorkerDirectory, make_root, sweep
from worker.domain.errors import DependencyUnavailableError
from worker.ports import Volume

_PROBE_BYTES = 64 * 1024


# The errors of the system that are the workspace's. Any other one is a bug of ours or has another cause.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})  # no bytes or no inodes are left
_UNUSABLE = frozenset(
    {
        *(errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
        *(errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO),  # of a mount: NFS, FUSE, a volume taken away
        *(errno.EMFILE, errno.ENFILE),  # no descriptor is left to open a file in it
    }
)


@contextmanager
def open_workspace(root: Path | None, volume: Volume) -> Iterator[Workspace]:
    """This worker's directory under `root` (None: the system's temporary directory); removed at the end.

    Raises OSError where it cannot be made.
    """
    root = root or Path(gettempdir())
    make_root(root)
    sweep(root)
    own = WorkerDirectory(root)
    try:
        yield Workspace(own, volume)
    finally:
        own.close()


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
    """Hands out a directory for each job, beneath `own`, that of this worker, which is on the `volume`.

    Cleaners of temporary directories, such as systemd-tmpfiles, may remove that one. It is then made again.
    """

    def __init__(self, own: WorkerDirectory, volume: Volume) -> None:
        self._own = own
        self._volume = volume
        self._space = WorkspaceSpace(volume, OtherWorkers(own, volume))

    @property
    def directory(self) -> Path:
        """The directory of this worker."""
        return self._own.path

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
            self._own.make_again()
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
