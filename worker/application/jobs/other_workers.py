"""Workers that share a file system: each sees how much of it the jobs of the others have reserved."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from worker.application.jobs.worker_directory import DIGITS, LOCK, WorkerDirectory, directories_in, opened_lock
from worker.ports import Volume

_LOOK_SECONDS = 0.1  # how long reading the sizes of jobs' files may take, because it blocks the event loop
_STEP_NS = 2_000_000_000  # two changes of a directory within it may have the same time stamp, as on FAT


class _TooSlowError(Exception):
    """The files could not all be looked at in time."""


class OtherWorkers:
    """The workers whose directories are beside `own`, that of this one, and which run under the same user.

    Sizes are in bytes.
    """

    def __init__(self, own: WorkerDirectory, volume: Volume) -> None:
        self._own = own
        self._volume = volume
        self._found: set[Path] = set()
        self._found_as_of_ns: int | None = None  # the time of the last change that `_found` is sure to show

    def announce(self, reserved_bytes: int) -> None:
        """Let the others see how much this worker's jobs have reserved, with what is written of it."""
        self._own.announce(reserved_bytes)

    def reserved(self) -> int:
        """How much the others have reserved, with what they have written of it. Quick: it looks at no job's files."""
        return sum(reserved for _, reserved in self._reserved())

    def unwritten(self) -> int:
        """How much the others have reserved beyond what they have written.

        Where a slow disk does not show all files in time, nothing counts as written in the rest: then jobs wait that
        would have found space, and none is given what others have.
        """
        until = time.monotonic() + _LOOK_SECONDS
        unwritten = 0
        for directory, reserved in self._reserved():
            written = 0
            with suppress(_TooSlowError):
                written = self._written(directory, until)
            unwritten += max(0, reserved - written)
        return unwritten

    def written_by_all(self) -> int | None:
        """How much the files of all jobs take: those of this worker, of the others, and of dead ones.

        None where a slow disk does not show all of them in time.
        """
        until = time.monotonic() + _LOOK_SECONDS
        try:
            return sum(self._written(directory, until) for directory in self._directories())
        except _TooSlowError:
            return None

    def _written(self, directory: Path, until: float) -> int:
        """How many bytes a worker's directory takes, without its lock, which is no job's. Raises _TooSlowError."""
        written = 0
        with suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                if time.monotonic() >= until:
                    raise _TooSlowError
                if entry.name != LOCK:
                    written += self._volume.used_bytes(Path(entry.path))
        return written

    def _directories(self) -> set[Path]:
        """The directories of all workers, this one and dead ones included."""
        root = self._own.path.parent
        with suppress(OSError):
            changed_ns = root.stat().st_mtime_ns
            if changed_ns != self._found_as_of_ns:  # to read all of a large /tmp takes long
                self._found = directories_in(root)
                self._found_as_of_ns = changed_ns if time.time_ns() - changed_ns > _STEP_NS else None
        return self._found | {self._own.path}

    def _reserved(self) -> Iterator[tuple[Path, int]]:
        for directory in self._directories() - {self._own.path}:
            with suppress(OSError, ValueError), opened_lock(directory, os.O_RDONLY) as lock:
                if _is_held(lock):
                    yield directory, max(0, int(os.read(lock, DIGITS) or 0))


def _is_held(lock: int) -> bool:
    """Whether the worker that made the lock lives. To ask with a shared lock does not hinder others that ask."""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
