"""MPEG transport streams (ISO 13818-1): packets of 188 bytes, with a time stamp in front 192, with a checksum 204."""

from __future__ import annotations

from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a packet."""
    return whole_or_cut(start, size, cut=_is_cut(read_at, start, size))


def _is_cut(read_at: ReadAt, start: int, size: int) -> bool:
    window = read_at(start, 5 * 204)
    for packet_bytes, sync in ((188, 0), (192, 4), (204, 0)):
        if all(window[sync + i * packet_bytes : sync + i * packet_bytes + 1] == b"\x47" for i in range(5)):
            return (size - start) % packet_bytes != 0
    return False
