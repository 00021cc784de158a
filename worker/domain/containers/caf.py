"""Apple's Core Audio Format."""

from __future__ import annotations

from worker.domain.containers.sizes import MAX_CHUNKS, SLACK_BYTES
from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether there is a data chunk, and the last chunk is all there."""
    return whole_or_cut(start, size, cut=_is_cut(read_at, start, size))


def _is_cut(read_at: ReadAt, start: int, size: int) -> bool:
    offset, has_data = start + 8, False
    for _ in range(MAX_CHUNKS):
        if offset >= size:
            break
        header = read_at(offset, 12)
        length = int.from_bytes(header[4:], "big", signed=True)
        if header[:4] == b"data":
            has_data = True
            if length == -1:  # to the end of the file, which only the last chunk may
                return False
        if len(header) < 12 or length < 0:
            return not has_data
        offset += 12 + length
    return not has_data or offset > size + SLACK_BYTES
