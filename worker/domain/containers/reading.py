"""A file read in large blocks, for parsers that ask for a few bytes at a time."""

from __future__ import annotations

from worker.domain.containers.structure import ReadAt

BLOCK_BYTES = 1 << 18


class BlockReader:
    """Keeps one block of the file, so that reading forwards costs one call for each `block_bytes`."""

    def __init__(self, read_at: ReadAt, *, block_bytes: int = BLOCK_BYTES) -> None:
        self._read_at = read_at
        self._block_bytes = block_bytes
        self._offset = 0
        self._block = b""

    def at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer at the end of the file."""
        begin = offset - self._offset
        if begin < 0 or begin + size > len(self._block):
            self._offset, self._block = offset, self._read_at(offset, max(size, self._block_bytes))
            begin = 0
        return self._block[begin : begin + size]

    def find(self, pattern: bytes, offset: int) -> int | None:
        """Where the pattern stands next, from `offset` on; None where the file ends before."""
        while block := self.at(offset, self._block_bytes):
            found = block.find(pattern)
            if found >= 0:
                return offset + found
            if len(block) < self._block_bytes:
                return None
            offset += len(block) - len(pattern) + 1
        return None
