"""Sony Wave64."""

from __future__ import annotations

from worker.domain.containers.sizes import SLACK_BYTES
from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file is as long as its first chunk says."""
    length = int.from_bytes(read_at(start + 16, 8), "little")
    return whole_or_cut(start, size, cut=0 < length < 1 << 62 and start + length > size + SLACK_BYTES)
