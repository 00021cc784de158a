"""AMR and AMR-WB files (RFC 4867, section 5)."""

from __future__ import annotations

from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure

_NARROW = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)  # RFC 4867, section 5.3
_WIDE = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)
_MAX_FRAMES = 10_000_000  # two days and more; a hostile file of one-byte frames must not hold us up
_BLOCK_BYTES = 1 << 20


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a frame. There are no sync words: the frames are counted from the first."""
    cut = _is_cut(read_at, start, size)
    return Structure(start, size, problem=CUT_OFF if cut else None, frames_only=True)


def _is_cut(read_at: ReadAt, start: int, size: int) -> bool:
    wide = read_at(start, 9) == b"#!AMR-WB\n"
    lengths = [(_WIDE if wide else _NARROW)[first >> 3 & 15] for first in range(256)]
    offset, block, position = start, b"", 9 if wide else 6
    for _ in range(_MAX_FRAMES):
        if position >= len(block):
            offset, position = offset + position, 0
            if offset >= size:
                return offset > size
            block = read_at(offset, _BLOCK_BYTES)
            if not block:
                return True
        position += lengths[block[position]]
    return False
