"""AAC in ADTS, a raw stream of frames (ISO 13818-7, section 6.2)."""

from __future__ import annotations

from worker.domain.containers.frames import adts_frame_bytes, last_frame_is_cut
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure
from worker.domain.containers.tags import before_tags


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a frame."""
    cut = last_frame_is_cut(read_at, start, size, adts_frame_bytes)
    end = before_tags(read_at, start, size)
    return Structure(start, end, problem=CUT_OFF if cut else None, frames_only=True)
