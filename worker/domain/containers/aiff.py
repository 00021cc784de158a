"""AIFF and AIFF-C."""

from __future__ import annotations

from worker.domain.containers.sizes import SLACK_BYTES, is_open_end
from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file is as long as its form says."""
    length = int.from_bytes(read_at(start + 4, 4), "big")
    return whole_or_cut(start, size, cut=not is_open_end(length) and start + 8 + length > size + SLACK_BYTES)
