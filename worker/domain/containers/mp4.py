"""MP4, M4A and QuickTime (ISO 14496-12)."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from worker.domain.containers.structure import CUT_OFF, JOINED, ReadAt, Structure

_MEDIA = {b"moov", b"moof", b"mdat"}
_HEAD_BYTES = 4096  # of a fragment, in which its first track's begin stands
_MAX_BOXES = 1_000_000  # bounds the time for a hostile file of empty boxes


@dataclass(frozen=True, slots=True)
class Box:
    """A box at the top of a file. `stop` may lie behind the file's end."""

    kind: bytes
    start: int
    stop: int


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the boxes are all there, the index among them, and whether it is one file."""
    boxes = [box for box in top_boxes(read_at, size) if box.kind in _MEDIA]
    kinds = [box.kind for box in boxes]
    if any(box.stop > size for box in boxes) or b"moov" not in kinds or kinds[-1] == b"moof":
        return Structure(start, size, problem=CUT_OFF)
    return Structure(start, size, problem=JOINED if _is_joined(read_at, boxes) else None)


def _is_joined(read_at: ReadAt, boxes: list[Box]) -> bool:
    """Whether there are several indexes, of which the decoder reads the first alone.

    A live stream repeats its index between fragments, whose time goes on.
    """
    indexes = [number for number, box in enumerate(boxes) if box.kind == b"moov"]
    times = [_time(read_at, boxes[index + 1]) if index + 1 < len(boxes) else None for index in indexes]
    return len(indexes) > 1 and any(a is None or b is None or a >= b for a, b in itertools.pairwise(times))


def _time(read_at: ReadAt, fragment: Box) -> int | None:
    """When a fragment begins, by its first track's clock (ISO 14496-12, section 8.8.12)."""
    head = read_at(fragment.start, _HEAD_BYTES) if fragment.kind == b"moof" else b""
    at = head.find(b"tfdt")
    if at < 0 or len(head) < at + 16:
        return None
    return int.from_bytes(head[at + 8 : at + (16 if head[at + 4] else 12)], "big")


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
