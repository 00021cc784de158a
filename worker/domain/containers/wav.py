"""WAV, RF64 and BW64 (ITU-R BS.2088-1)."""

from __future__ import annotations

from worker.domain.containers.sizes import MAX_CHUNKS, SLACK_BYTES, is_open_end
from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the data chunk is all there."""
    return whole_or_cut(start, size, cut=_is_cut(read_at, start, size))


def _is_cut(read_at: ReadAt, start: int, size: int) -> bool:
    offset, ds64 = start + 12, 0
    for _ in range(MAX_CHUNKS):
        header = read_at(offset, 24)
        if len(header) < 8:
            return True  # no data chunk
        kind, length = header[:4], int.from_bytes(header[4:8], "little")
        if kind == b"ds64":
            ds64 = int.from_bytes(header[16:24], "little")
        if kind == b"data":
            length = ds64 if length == 0xFFFF_FFFF and ds64 else length
            return not is_open_end(length) and offset + 8 + length > size + SLACK_BYTES
        offset += 8 + length + length % 2
    return False
