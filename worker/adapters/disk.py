"""The local disk: what is read from it, how much space it has, and what is given back to it."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from worker.domain.errors import WorkerError, WorkspaceFullError
from worker.ports import Artifact, NotReleasableError

_T = TypeVar("_T")

# So much is read and written by the event loop itself: it is in the page cache, and a thread would cost more CPU.
SHORT_BYTES = 256 << 10
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_BLOCK_BYTES = 512  # the unit of st_blocks, whatever the file system's own is

_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02  # linux/falloc.h
# What file systems answer that cannot give back a part of a file, and filters of system calls that do not let it be
# tried. A file that this process has just written gives no other reason for them.
_NOT_RELEASABLE = frozenset(
    {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EACCES, errno.ENODEV, errno.ENOTTY}
)
_fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)  # of Linux; Python has none with a mode


class NotWritableError(WorkerError):
    """Nothing can be written to a directory."""


async def in_thread_if_large(size_bytes: int, work: Callable[[], _T]) -> _T:
    """Do work that reads or writes so many bytes: in a thread, or on the loop where they are few."""
    return work() if size_bytes <= SHORT_BYTES else await asyncio.to_thread(work)


def read_artifact(artifact: Artifact, offset: int, length: int) -> bytes:
    """Up to `length` bytes of the artifact from `offset` on; its prefix counts. Blocks on disk I/O."""
    head = artifact.prefix[offset : offset + length]
    begin = artifact.start + max(0, offset - len(artifact.prefix))
    wanted = min(length - len(head), artifact.stop - begin)
    if wanted <= 0:
        return head
    with artifact.path.open("rb", buffering=0) as file:
        file.seek(begin)
        rest = file.read(wanted)
    return head + rest if head else rest


def release(descriptor: int, begin: int, end: int) -> None:
    """Give the file system back what a file has between two offsets in bytes, and keep the file's size.

    Blocks on disk I/O. Raises NotReleasableError where the file system cannot do that, and OSError.
    """
    if _fallocate is None:
        raise NotReleasableError
    offset, length = ctypes.c_int64(begin), ctypes.c_int64(end - begin)
    while _fallocate(ctypes.c_int(descriptor), ctypes.c_int(_PUNCH_HOLE | _KEEP_SIZE), offset, length):
        error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if error.errno in _NOT_RELEASABLE:
            raise NotReleasableError from error
        if error.errno != errno.EINTR:
            raise error


def free_bytes_of(directory: Path) -> int:
    """How many bytes can be written under `directory`, which need not exist yet. A byte is written to try it.

    Blocks on disk I/O. Raises NotWritableError.
    """
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing, buffering=0) as file:
            file.write(b"0")
    except OSError as exc:
        raise NotWritableError(f"{existing} cannot be written to: {exc.strerror}") from exc
    return shutil.disk_usage(existing).free


class LocalVolume:
    """The `Volume` port over the system's calls."""

    def free_bytes(self, directory: Path) -> int:
        stats = os.statvfs(directory)
        return stats.f_bavail * stats.f_frsize

    def size_bytes(self, directory: Path) -> int:
        """The size of the file system, without what is kept for root alone."""
        stats = os.statvfs(directory)
        return (stats.f_blocks - (stats.f_bfree - stats.f_bavail)) * stats.f_frsize

    def used_bytes(self, directory: Path) -> int:
        """Files that are being written count as far as they are written."""
        total = 0
        with suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                with suppress(OSError):  # it has gone
                    if entry.is_dir(follow_symlinks=False):
                        total += self.used_bytes(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
        return total

    def full_error(self, directory: Path) -> WorkspaceFullError:
        """The error says `inodes` where there are none left, else bytes.

        A file system without a fixed number of inodes states 0 of 0.
        """
        with suppress(OSError):
            stats = os.statvfs(directory)
            if stats.f_files > 0 and stats.f_favail == 0:
                return WorkspaceFullError("inodes")
        return WorkspaceFullError()
