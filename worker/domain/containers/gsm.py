"""GSM 06.10, raw frames of 33 bytes, each of which begins with the same four bits (RFC 3551, section 4.5.8)."""

from __future__ import annotations

from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure, damaged
from worker.domain.containers.tags import before_tags

FRAME_BYTES = 33
_FRAME_SECONDS = 0.02
_SIGNATURE = 0xD
_MAX_LOOKED_AT_BYTES = FRAME_BYTES << 15


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file is frames to its end, as far as its first and its last MB show."""
    end = before_tags(read_at, start, size)
    count, rest = divmod(end - start, FRAME_BYTES)
    begin_of_last = start + max(0, count * FRAME_BYTES - _MAX_LOOKED_AT_BYTES)
    for offset in {start, begin_of_last}:
        window = read_at(offset, min(_MAX_LOOKED_AT_BYTES, start + count * FRAME_BYTES - offset))
        if any(byte >> 4 != _SIGNATURE for byte in window[::FRAME_BYTES]):
            return Structure(start, end, problem=damaged("not all of it is audio"))
    return Structure(
        start,
        end,
        problem=CUT_OFF if rest else None,
        track_seconds=(count * _FRAME_SECONDS,),
        frames_only=True,
        read_range=(0, end) if end < size else None,
    )
