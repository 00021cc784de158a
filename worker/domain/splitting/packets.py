"""Where the packets lie in an MP4 with one track, by its index (ISO 14496-12, sections 8.7.3 and 8.7.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from worker.domain.containers.mp4 import top_boxes
from worker.domain.containers.structure import ReadAt
from worker.domain.splitting.joiner import EncodedPiece, JoinError

_HEADER_BYTES = 8  # of a box
_PATH = (b"trak", b"mdia", b"minf", b"stbl")


def packets_of(read_at: ReadAt, size: int) -> Iterator[tuple[int, int]]:
    """The offset and the length of each packet. They follow each other in such a file, which is checked.

    Raises JoinError.
    """
    boxes = {box.kind: box for box in top_boxes(read_at, size)}
    if b"mdat" not in boxes:
        raise JoinError("a piece has no media")
    table = index_of(read_at, size)
    for kind in _PATH:
        table = child_of(table, kind)
    sizes = _sizes(child_of(table, b"stsz"))
    offset = _first_offset(table)
    if offset < boxes[b"mdat"].start + _HEADER_BYTES or offset + sum(sizes) != boxes[b"mdat"].stop:
        raise JoinError("the packets of a piece do not follow each other")
    for length in sizes:
        yield offset, length
        offset += length


def kept_packets(piece: EncodedPiece, next_frame: int) -> list[tuple[int, int]]:
    """The offset and the length of each packet that is kept of a piece. Each holds one frame.

    Raises JoinError where the first of them is not `next_frame`, or where packets are missing.
    """
    if piece.begin_frame != next_frame:
        raise JoinError("a piece does not begin where the last one ended")
    begin = piece.begin_frame - piece.first_frame
    end = None if piece.end_frame is None else piece.end_frame - piece.first_frame
    packets = list(packets_of(piece.read_at, piece.size))[begin:end]
    if not packets or (end is not None and len(packets) < end - begin):
        raise JoinError("a piece does not have as many packets as it should")
    return packets


def index_of(read_at: ReadAt, size: int) -> bytes:
    """The box `moov` of a file. Raises JoinError where there is none."""
    moov = next((box for box in top_boxes(read_at, size) if box.kind == b"moov"), None)
    if moov is None or moov.stop > size:
        raise JoinError("a piece has no index")
    return read_at(moov.start, moov.stop - moov.start)


def child_of(box: bytes, kind: bytes) -> bytes:
    """The first box of a kind within another. Raises JoinError where there is none."""
    offset = _HEADER_BYTES
    while offset + _HEADER_BYTES <= len(box):
        length = int.from_bytes(box[offset : offset + 4], "big")
        if box[offset + 4 : offset + 8] == kind:
            return box[offset : offset + length]
        offset += max(_HEADER_BYTES, length)
    raise JoinError(f"the index of a piece has no {kind.decode('ascii')}")


def _sizes(stsz: bytes) -> tuple[int, ...]:
    same, count = struct.unpack_from(">II", stsz, 12)
    return (same,) * count if same else struct.unpack_from(f">{count}I", stsz, 20)


def _first_offset(table: bytes) -> int:
    try:
        return int(struct.unpack_from(">I", child_of(table, b"stco"), 16)[0])
    except JoinError:
        return int(struct.unpack_from(">Q", child_of(table, b"co64"), 16)[0])
