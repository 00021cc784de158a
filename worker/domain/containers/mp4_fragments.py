"""The fragments of an MP4 (ISO 14496-12, section 8.8): where each lies, and how long its sound is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from worker.domain.containers.mp4 import Box, top_boxes
from worker.domain.containers.structure import ReadAt

_PARENTS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"moof", b"traf"})
# Flags of `tfhd` and of `trun`: which of their fields are there (sections 8.8.7 and 8.8.8).
_BASE_OFFSET, _DESCRIPTION, _DEFAULT_DURATION = 0x1, 0x2, 0x8
_DATA_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_DURATION, _SIZE, _FLAGS, _COMPOSITION = 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True, slots=True)
class Fragment:
    """A fragment: its range in the file, with its media, and how many samples of sound it has."""

    start: int
    stop: int
    samples: int


@dataclass(frozen=True, slots=True)
class Fragments:
    """The fragments of a file with one track. `skipped` samples at the beginning are not played."""

    rate_hz: int
    skipped: int
    each: list[Fragment]


def fragments_of(read_at: ReadAt, size: int) -> Fragments:
    """The fragments of a file. Raises ValueError unless it is a header and then nothing but complete fragments."""
    boxes = list(top_boxes(read_at, size))
    kinds = [box.kind for box in boxes]
    if kinds[:2] != [b"ftyp", b"moov"] or kinds[2:] != [b"moof", b"mdat"] * (len(kinds) // 2 - 1):
        raise ValueError("the boxes of the MP4 are not a header and fragments")
    if len(kinds) < 4 or boxes[-1].stop != size:
        raise ValueError("the fragments of the MP4 are not complete")
    try:
        header = dict(_inner(_read(read_at, boxes[1])))
        fragments = [
            Fragment(index.start, media.stop, _samples(read_at, index))
            for index, media in zip(boxes[2::2], boxes[3::2], strict=True)
        ]
        return Fragments(_timescale(header[b"mdhd"]), _skipped(header.get(b"elst")), fragments)
    except (struct.error, KeyError) as exc:
        raise ValueError("an index in the MP4 cannot be read") from exc


def _read(read_at: ReadAt, box: Box) -> bytes:
    return read_at(box.start, box.stop - box.start)


def _inner(box: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes within one that hold no others, with what follows their names."""
    offset = 8
    while offset < len(box):
        length, kind = struct.unpack_from(">I4s", box, offset)
        if not 8 <= length <= len(box) - offset:
            raise ValueError("a box in the MP4 is not complete")
        if kind in _PARENTS:
            yield from _inner(box[offset : offset + length])
        else:
            yield kind, box[offset + 8 : offset + length]
        offset += length


def _timescale(media_header: bytes) -> int:
    (rate_hz,) = struct.unpack_from(">I", media_header, 20 if media_header[0] else 12)
    return int(rate_hz)


def _skipped(edits: bytes | None) -> int:
    """Where in the media the only edit begins (section 8.6.6); 0 where there is none, because all is played."""
    if edits is None:
        return 0
    (count,) = struct.unpack_from(">I", edits, 4)
    (begin,) = struct.unpack_from(">q", edits, 16) if edits[0] else struct.unpack_from(">i", edits, 12)
    if count != 1 or begin < 0:
        raise ValueError("the MP4 does not play its media from one place on")
    return int(begin)


def _samples(read_at: ReadAt, index: Box) -> int:
    default = total = 0
    for kind, content in _inner(_read(read_at, index)):
        if kind == b"tfhd":
            default = _default_duration(content)
        elif kind == b"trun":
            total += _run_duration(content, default)
    return total


def _default_duration(header: bytes) -> int:
    (flags,) = struct.unpack_from(">I", header)
    offset = 8 + 8 * bool(flags & _BASE_OFFSET) + 4 * bool(flags & _DESCRIPTION)
    return int(struct.unpack_from(">I", header, offset)[0]) if flags & _DEFAULT_DURATION else 0


def _run_duration(run: bytes, default: int) -> int:
    flags, count = struct.unpack_from(">II", run)
    if not flags & _DURATION:
        return int(default * count)
    offset = 8 + 4 * bool(flags & _DATA_OFFSET) + 4 * bool(flags & _FIRST_FLAGS)
    width = sum(1 for flag in (_DURATION, _SIZE, _FLAGS, _COMPOSITION) if flags & flag)
    return sum(struct.unpack_from(f">{count * width}I", run, offset)[::width])
