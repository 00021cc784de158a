"""AMR and AMR-WB files (RFC 4867, section 5)."""

from __future__ import annotations

from worker.domain.containers.samples import is_constant
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure
from worker.domain.containers.tags import before_tags

_NARROW = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)  # RFC 4867, section 5.3
_WIDE = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)
_FRAME_SECONDS = 0.02
_MAX_FRAMES = 10_000_000  # two days and more; a hostile file of one-byte frames must not hold us up
_BLOCK_BYTES = 1 << 20
_PADDING = bytes(64)


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a frame. There are no sync words: the frames are counted from the first.

    A frame without data is 20 ms of sound like any other.
    """
    wide = read_at(start, 9) == b"#!AMR-WB\n"
    lengths = [(_WIDE if wide else _NARROW)[first >> 3 & 15] for first in range(256)]
    begin = min(size, start + (9 if wide else 6))
    end = before_tags(read_at, begin, size)
    offset, block, position, frames = begin, b"", 0, 0
    while offset + position < end and frames < _MAX_FRAMES:
        if position >= len(block):
            offset, position = offset + position, 0
            block = read_at(offset, min(_BLOCK_BYTES, end - offset))
            if not block:
                break
        if not block[position] and _is_padding(read_at, offset + position, end):
            end = offset + position
            break
        position += lengths[block[position]]
        frames += 1
    return Structure(
        begin,
        end,
        problem=CUT_OFF if offset + position > end else None,
        track_seconds=(frames * _FRAME_SECONDS,),
        frames_only=True,
        read_range=(0, end) if end < size else None,
    )


def _is_padding(read_at: ReadAt, at: int, end: int) -> bool:
    """Whether nothing but zeros follows: a frame of speech has the bit of its quality set."""
    return _PADDING.startswith(read_at(at, min(len(_PADDING), end - at))) and is_constant(read_at, at, end)
