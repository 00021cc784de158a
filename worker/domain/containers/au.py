"""Sun's and NeXT's AU."""

from __future__ import annotations

from worker.domain.containers.sizes import SLACK_BYTES, is_open_end
from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the data are all there."""
    header = read_at(start + 4, 8)
    offset, length = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")
    cut = not is_open_end(length) and start + offset + length > size + SLACK_BYTES
    return whole_or_cut(start, size, cut=cut)
