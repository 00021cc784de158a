"""MP4, M4A and QuickTime (ISO 14496-12)."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from worker.domain.containers.behind import repairs_behind
from worker.domain.containers.chunks import is_name
from worker.domain.containers.mp4_boxes import MAX_INDEX_BYTES, has_encrypted_sound
from worker.domain.containers.mp4_opus import IN_OGGS_ORDER, mended_opus
from worker.domain.containers.mp4_times import WRONG_TIMES, MendedTimes, mended_times
from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import CUT_OFF, JOINED, ReadAt, Structure, damaged
from worker.domain.containers.zeros import ZEROS_AMID_SOUND, zeros_begin_before

_MEDIA = {b"moov", b"moof", b"mdat"}
_BEFORE_MEDIA = _MEDIA | {b"free", b"skip", b"wide", b"uuid", b"sidx", b"ssix", b"styp", b"ftyp", b"emsg", b"prft"}
_SEARCHED_BYTES = 1 << 26  # for fragments behind bytes that are no box
_MAX_INDEX_BYTES = 1 << 20  # of a fragment
_HEADER_BYTES, _WIDE_HEADER_BYTES = 8, 16  # of a box; the second has a size of 64 bits
_EMPTY_BYTES = 8  # of media: the header alone
_DISORDER = damaged("fragments of the MP4 file are not in the order of their times")
_ENCRYPTED = "the source is encrypted"
_FRAGMENTS_MISSING = damaged("fragments of the MP4 file are missing")
_MAX_COMPARED_BYTES = 1 << 24
_MAX_BOXES = 1_000_000  # bounds the time for a hostile file of empty boxes


@dataclass(frozen=True, slots=True)
class Box:
    """A box at the top of a file. `stop` may lie behind the file's end."""

    kind: bytes
    start: int
    stop: int


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the boxes are all there, the index among them, and whether it is one file."""
    boxes = list(top_boxes(read_at, size, start))
    media = [box for box in boxes if box.kind in _MEDIA]
    kinds = [box.kind for box in media]
    if any(box.stop > size for box in media) or b"moov" not in kinds or kinds[-1] == b"moof":
        return Structure(start, size, problem=CUT_OFF)
    end = next((box.start for box in boxes if not is_name(box.kind) or box.stop > size), boxes[-1].stop)
    problem = JOINED if _is_joined(read_at, media) else _lost_fragments(read_at, boxes, end, size)
    index = _index(read_at, media)
    if has_encrypted_sound(index):
        problem = _ENCRYPTED
    mended = _mended_times(index, media)
    mended_headers = mended_opus(index, next(box.start for box in media if box.kind == b"moov"))
    repairs = (
        *repairs_behind(read_at, end, size),
        *([WRONG_TIMES] if mended.has_wrong_times else []),
        *([IN_OGGS_ORDER] if mended_headers else []),
    )
    return Structure(
        start,
        size,
        problem=problem,
        track_seconds=mended.track_seconds,
        patches=(*mended.patches, *mended_headers),
        repairs=repairs,
    )


def _index(read_at: ReadAt, media: list[Box]) -> bytes:
    """The first `moov`; empty where it is too long to be read."""
    box = next(box for box in media if box.kind == b"moov")
    length = box.stop - box.start
    return b"" if length > MAX_INDEX_BYTES else read_at(box.start, length)


def _mended_times(index: bytes, media: list[Box]) -> MendedTimes:
    begins = [box.start for box in media if box.kind in {b"moov", b"moof"}]
    return MendedTimes() if len(begins) > 1 else mended_times(index, begins[0])


def _lost_fragments(read_at: ReadAt, boxes: list[Box], end: int, size: int) -> str | None:
    """The problem that fragments are missing or in disorder; each has an index. `end` is behind the last box.

    The decoder skips bytes that are no box, and a box whose name is damaged.
    """
    searched = min(size, end + _SEARCHED_BYTES)
    if BlockReader(lambda at, length: read_at(at, min(length, max(0, searched - at)))).find(b"moof", end) is not None:
        return _FRAGMENTS_MISSING
    if all(box.kind != b"moof" for box in boxes):
        return None
    latest: dict[int, tuple[int, int]] = {}  # when the last fragment of each track begins, and how long it is
    for index, media in itertools.pairwise(boxes):
        if media.kind == b"mdat" and index.kind not in _BEFORE_MEDIA:
            return _FRAGMENTS_MISSING
        if index.kind != b"moof":
            continue
        data = _index_of(read_at, index)
        if not _is_filled(data, index.stop - index.start):
            return _FRAGMENTS_MISSING
        if (begin := _begin(data)) is not None:
            track, time = begin
            media_bytes = media.stop - media.start  # the same time twice is a copy, or one of them is empty
            last_time, last_bytes = latest.get(track, (time, media_bytes))
            if time < last_time or (time == last_time and media_bytes != last_bytes > _EMPTY_BYTES < media_bytes):
                return _DISORDER
            latest[track] = time, media_bytes
    return ZEROS_AMID_SOUND if zeros_begin_before(read_at, end, size) else None


def _index_of(read_at: ReadAt, fragment: Box) -> bytes:
    return read_at(fragment.start, min(fragment.stop - fragment.start, _MAX_INDEX_BYTES))


def _is_filled(data: bytes, length: int) -> bool:
    """Whether the boxes in a fragment's index, and those of its tracks in them, end where their parents do."""
    _, _, header_bytes = _box_header(data, 0)
    offset, ends = header_bytes, [length]
    while offset + _HEADER_BYTES <= len(data):
        size, kind, header_bytes = _box_header(data, offset)
        if not header_bytes <= size <= ends[-1] - offset:
            return False
        if kind == b"traf":
            ends.append(offset + size)
            offset += header_bytes
        else:
            offset += size
        while ends and offset == ends[-1]:
            ends.pop()
    return offset == length or length > len(data)


def _box_header(data: bytes, offset: int) -> tuple[int, bytes, int]:
    """The size and the kind that a box states, and the length of its header. `data` has at least 8 bytes of it."""
    size, kind = struct.unpack_from(">I4s", data, offset)
    if size == 1 and len(data) - offset >= _WIDE_HEADER_BYTES:
        return *struct.unpack_from(">Q", data, offset + _HEADER_BYTES), kind, _WIDE_HEADER_BYTES
    return size, kind, _HEADER_BYTES


def _is_joined(read_at: ReadAt, boxes: list[Box]) -> bool:
    """Whether there are several indexes, of which the decoder reads the first alone.

    A live stream repeats its index between fragments, whose time goes on.
    """
    indexes = [box for box in boxes if box.kind == b"moov"]
    has_one_media = sum(box.kind == b"mdat" for box in boxes) == 1
    if has_one_media and all(_are_alike(read_at, a, b) for a, b in itertools.pairwise(indexes)):
        return False
    followed = itertools.zip_longest(boxes, boxes[1:])
    times = [_time(read_at, follower) for box, follower in followed if box.kind == b"moov"]
    return any(a is None or b is None or a >= b for a, b in itertools.pairwise(times))


def _are_alike(read_at: ReadAt, first: Box, second: Box) -> bool:
    """Whether two indexes are the same bytes: then the second is a copy."""
    length = first.stop - first.start  # which is among the bytes that are compared
    return length <= _MAX_COMPARED_BYTES and read_at(first.start, length) == read_at(second.start, length)


def _time(read_at: ReadAt, fragment: Box | None) -> int | None:
    """When a fragment begins, by its first track's clock; None where the box is no fragment."""
    if fragment is None or fragment.kind != b"moof":
        return None
    begin = _begin(_index_of(read_at, fragment))
    return None if begin is None else begin[1]


def _begin(index: bytes) -> tuple[int, int] | None:
    """The first track of a fragment, and when it begins there (ISO 14496-12, sections 8.8.7 and 8.8.12)."""
    track, time = index.find(b"tfhd"), index.find(b"tfdt")
    behind = time + (16 if index[time + 4 : time + 5] == b"\1" else 12)
    if time == -1 or len(index) < behind:
        return None
    number = int.from_bytes(index[track + 8 : track + 12], "big") if track != -1 else 0
    return number, int.from_bytes(index[time + 8 : behind], "big")


def top_boxes(read_at: ReadAt, size: int, start: int = 0) -> Iterator[Box]:
    """The boxes of a file from `start`, in their order. Ends where what follows is no box."""
    offset = start
    for _ in range(_MAX_BOXES):
        header = read_at(offset, _WIDE_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            return
        length, kind, minimum = _box_header(header, 0)
        if length == 0 and minimum == _HEADER_BYTES:  # to the end of the file
            length = size - offset
        if length < minimum:
            return
        yield Box(kind, offset, offset + length)
        offset += length
