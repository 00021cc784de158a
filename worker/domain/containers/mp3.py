"""MP3, and MPEG audio of layers I and II, as a raw stream of frames."""

from __future__ import annotations

from worker.domain.containers.frames import (
    TAIL_BYTES,
    find_chain,
    last_frame_is_cut,
    mpeg_frame_bytes,
)
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure
from worker.domain.containers.tags import before_tags

_LONGEST_FRAME_BYTES = 1441  # encoders differ on whether the frame with the Xing tag counts


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file has the bytes that its Xing tag states, and ends with a frame."""
    return Structure(
        start,
        before_tags(read_at, start, size),
        problem=CUT_OFF if _is_cut(read_at, start, size) else None,
        frames_only=True,
    )


def _is_cut(read_at: ReadAt, start: int, size: int) -> bool:
    head = read_at(start, TAIL_BYTES)
    first = find_chain(head, mpeg_frame_bytes) or 0
    frame = head[first : first + 192]
    tag = max(frame.find(b"Xing"), frame.find(b"Info"))
    if tag >= 0 and len(frame) >= tag + 16 and frame[tag + 7] & 2:  # the byte count is there
        offset = tag + 8 + (4 if frame[tag + 7] & 1 else 0)
        length = int.from_bytes(frame[offset : offset + 4], "big")
        if start + first + length > size + _LONGEST_FRAME_BYTES:
            return True
    return last_frame_is_cut(read_at, start, size, mpeg_frame_bytes)
