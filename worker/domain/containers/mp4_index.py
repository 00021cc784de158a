"""The index of an MP4 in front: `ftyp` and a shifted `moov`, to be sent before the rest of the file.

ffmpeg's own `+faststart` rewrites the file through its descriptor and leaves it corrupt, with exit code 0. Boxes are
those of ISO 14496-12.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from worker.domain.containers.mp4 import top_boxes
from worker.domain.containers.structure import ReadAt

_PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_LAST_STCO_OFFSET = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class FrontIndex:
    """What stands in front, and the range of the file that follows it."""

    prefix: bytes
    start: int
    stop: int


def index_in_front(read_at: ReadAt, size: int, changed: Callable[[bytes], bytes] = lambda moov: moov) -> FrontIndex:
    """The file with its index in front. `changed` makes the `moov` that is sent of the one that is in the file.

    Raises ValueError unless the file is `ftyp`, the media, and `moov` as the last box, all of it complete.
    """
    boxes = list(top_boxes(read_at, size))
    if len(boxes) < 3 or boxes[0].kind != b"ftyp" or boxes[-1].kind != b"moov" or boxes[-1].stop != size:
        raise ValueError("the boxes of the MP4 are not ftyp, media, moov")
    first, last = boxes[0], boxes[-1]
    moov = changed(read_at(last.start, last.stop - last.start))
    shifted = _shifted(moov, len(moov), wide=False)
    if shifted is None:
        # 32-bit offsets would exceed 4 GiB. The moov grows by its wide tables, so the shift is known only afterwards.
        grown = _shifted(moov, 0, wide=True) or b""
        shifted = _shifted(moov, len(grown), wide=True) or b""
    return FrontIndex(read_at(first.start, first.stop) + shifted, first.stop, last.start)


def _shifted(box: bytes, shift: int, *, wide: bool) -> bytes | None:
    """The box with each chunk `shift` bytes further on; None where a 32-bit offset would overflow."""
    kind = box[4:8]
    if kind == b"stco":
        return _shifted_table(box, "I", shift, wide=wide)
    if kind == b"co64":
        return _shifted_table(box, "Q", shift, wide=wide)
    if kind not in _PARENTS:
        return box
    children = []
    offset = 8
    while offset < len(box):
        length = int.from_bytes(box[offset : offset + 4], "big")
        if length < 8 or offset + length > len(box):
            raise ValueError(f"a box within {kind.decode('ascii', 'replace')} has a length of {length}")
        child = _shifted(box[offset : offset + length], shift, wide=wide)
        if child is None:
            return None
        children.append(child)
        offset += length
    body = b"".join(children)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _shifted_table(box: bytes, code: str, shift: int, *, wide: bool) -> bytes | None:
    (count,) = struct.unpack_from(">I", box, 12)
    offsets = [offset + shift for offset in struct.unpack_from(f">{count}{code}", box, 16)]
    if code == "I" and not wide:
        if offsets and max(offsets) > _LAST_STCO_OFFSET:
            return None
        return box[:16] + struct.pack(f">{count}I", *offsets)
    return struct.pack(">I4s", 16 + 8 * count, b"co64") + box[8:16] + struct.pack(f">{count}Q", *offsets)
