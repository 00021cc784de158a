"""A range of an artifact as the body of a request, read from the disk while it is sent."""

from __future__ import annotations

import errno
import io
from typing import IO, cast

from worker.adapters.disk import read_artifact
from worker.ports import Artifact


def body_of(artifact: Artifact, offset: int, length: int) -> IO[bytes]:
    """`length` bytes of the artifact from `offset` on. Only what the SDK reads at a time is in memory.

    No file stays open between two reads, so a body that is given up midway needs no closing. Reading raises OSError
    where the file has become shorter.
    """
    return cast("IO[bytes]", _Range(artifact, offset, length))


class _Range(io.RawIOBase):
    def __init__(self, artifact: Artifact, offset: int, length: int) -> None:
        self._artifact = artifact
        self._offset = offset
        self._length = length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        rest = max(0, self._length - self._position)
        wanted = rest if size is None or size < 0 else min(size, rest)
        data = read_artifact(self._artifact, self._offset + self._position, wanted) if wanted else b""
        if wanted and not data:
            raise OSError(errno.EIO, "the file has become shorter")
        self._position += len(data)
        return data
