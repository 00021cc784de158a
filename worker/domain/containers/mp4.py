"""MP4, M4A and QuickTime (ISO 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut

_MAX_BOXES = 1_000_000  # a hostile file of empty boxes must not hold us up


@dataclass(frozen=True, slots=True)
class Box:
    """A box at the top of a file. `stop` may lie behind the file's end."""

    kind: bytes
    start: int
    stop: int


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the boxes are all there, the index among them."""
    return whole_or_cut(start, size, cut=_is_cut(read_at, size))


def _is_cut(read_at: ReadAt, size: int) -> bool:
    last = b""
    kinds = set()
    for box in top_boxes(read_at, size):
        if box.kind in {b"moov", b"moof", b"mdat"}:
            if box.stop > size:
                return True
            last = box.kind
            kinds.add(box.kind)
    return b"moov" not in kinds or last == b"moof"


def top_boxes(read_at: ReadAt, size: int) -> Iterator[Box]:
    """The boxes of a file, in their order. Ends where what follows is no box."""
    offset = 0
    for _ in range(_MAX_BOXES):
        header = read_at(offset, 16)
        if len(header) < 8:
            return
        length, kind = struct.unpack_from(">I4s", header)
        minimum = 8
        if length == 1 and len(header) == 16:
            (length,), minimum = struct.unpack_from(">Q", header, 8), 16
        elif length == 0:  # to the end of the file
            length = size - offset
        if length < minimum:
            return
        yield Box(kind, offset, offset + length)
        offset += length
