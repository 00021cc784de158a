"""Workers that share a file system: each sees how much of it the jobs of the others have reserved.

A worker keeps that number in the file of its lock, so that it counts as long as the worker lives.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from worker.ports import Volume

PREFIX = "audio-worker-"
LOCK = "lock"
_DIGITS = 20


class OtherWorkers:
    """The workers whose directories are beside that of this one, and which run under the same user.

    `own` returns the directory of this worker. Sizes are in bytes.
    """

    def __init__(self, own: Callable[[], Path], volume: Volume) -> None:
        self._own = own
        self._volume = volume

    def announce(self, reserved_bytes: int) -> None:
        """Let the others see how much this worker's jobs have reserved, with what is written of it."""
        # All digits in one write: nobody reads a part of the number. Without its directory nothing can be written.
        with suppress(OSError), (self._own() / LOCK).open("r+b", buffering=0) as file:
            file.write(b"%0*d" % (_DIGITS, reserved_bytes))

    def directories(self) -> set[Path]:
        """Those of all workers, this one and dead ones included."""
        own = self._own()
        with suppress(OSError), os.scandir(own.parent) as entries:
            return {own, *(Path(entry.path) for entry in entries if entry.name.startswith(PREFIX))}
        return {own}

    def unwritten(self) -> int:
        """How much the others have reserved beyond what they have written."""
        return sum(max(0, reserved - self._volume.used_bytes(directory)) for directory, reserved in self._reserved())

    def _reserved(self) -> Iterator[tuple[Path, int]]:
        for directory in self.directories() - {self._own()}:
            with suppress(OSError, ValueError), (directory / LOCK).open("rb", buffering=0) as file:
                if _is_held(file.fileno()):
                    yield directory, int(file.read(_DIGITS) or 0)


def _is_held(lock: int) -> bool:
    """Whether its worker lives. A shared lock is enough to know, and hinders no other that asks."""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
