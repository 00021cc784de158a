"""Where the packets lie in an MP4 with one track, by its index (ISO 14496-12, sections 8.7.3 and 8.7.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from worker.domain.containers.mp4 import top_boxes
from worker.domain.containers.structure import ReadAt
from worker.domain.splitting.joiner import JoinError

_PATH = (b"trak", b"mdia", b"minf", b"stbl")


def packets_of(read_at: ReadAt, size: int) -> Iterator[tuple[int, int]]:
    """The offset and the length of each packet. They follow each other in such a file, which is checked.

    Raises JoinError.
    """
    boxes = {box.kind: box for box in top_boxes(read_at, size)}
    if b"moov" not in boxes or b"mdat" not in boxes or boxes[b"moov"].stop > size:
        raise JoinError("a piece has no index")
    moov = boxes[b"moov"]
    table = read_at(moov.start, moov.stop - moov.start)
    for kind in _PATH:
        table = _child(table, kind)
    sizes = _sizes(_child(table, b"stsz"))
    offset = _first_offset(table)
    if offset < boxes[b"mdat"].start or offset + sum(sizes) != boxes[b"mdat"].stop:
        raise JoinError("the packets of a piece do not follow each other")
    for length in sizes:
        yield offset, length
        offset += length


def _child(box: bytes, kind: bytes) -> bytes:
    offset = 8
    while offset + 8 <= len(box):
        length = int.from_bytes(box[offset : offset + 4], "big")
        if box[offset + 4 : offset + 8] == kind:
            return box[offset : offset + length]
        offset += max(8, length)
    raise JoinError(f"the index of a piece has no {kind.decode('ascii')}")


def _sizes(stsz: bytes) -> tuple[int, ...]:
    same, count = struct.unpack_from(">II", stsz, 12)
    return (same,) * count if same else struct.unpack_from(f">{count}I", stsz, 20)


def _first_offset(table: bytes) -> int:
    try:
        return int(struct.unpack_from(">I", _child(table, b"stco"), 16)[0])
    except JoinError:
        return int(struct.unpack_from(">Q", _child(table, b"co64"), 16)[0])
