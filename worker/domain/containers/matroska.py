"""Matroska and WebM (RFC 8794, RFC 9559)."""

from __future__ import annotations

from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_MAX_ELEMENTS = 1_000_000


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether an element of the segment reaches behind the end of the file.

    A live recording has a segment and clusters of unknown size; then their children are read.
    """
    return whole_or_cut(start, size, cut=_is_cut(read_at, start, size))


def _is_cut(read_at: ReadAt, start: int, size: int) -> bool:
    offset = start
    for _ in range(_MAX_ELEMENTS):
        if offset >= size:
            break
        header = _element(read_at(offset, 12))
        if header is None:
            return True
        identifier, header_bytes, length = header
        offset += header_bytes
        if length is not None:
            offset += length
            if identifier == _SEGMENT:
                break
        elif identifier not in {_SEGMENT, _CLUSTER}:
            return False  # only these may have an unknown size; the decoder may say what this is
    return offset > size


def _element(data: bytes) -> tuple[int, int, int | None] | None:
    """Identifier, length of the header, and size (None: unknown); None where the header is incomplete or none."""
    if not data or data[0] < 0x10:
        return None
    id_bytes = 9 - data[0].bit_length()
    if len(data) <= id_bytes or not data[id_bytes]:
        return None
    size_bytes = 9 - data[id_bytes].bit_length()
    header_bytes = id_bytes + size_bytes
    if len(data) < header_bytes:
        return None
    all_ones = (1 << 7 * size_bytes) - 1
    length = int.from_bytes(data[id_bytes:header_bytes], "big") & all_ones
    return int.from_bytes(data[:id_bytes], "big"), header_bytes, None if length == all_ones else length
