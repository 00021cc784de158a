"""FLV (Adobe, Video File Format Specification 10.1, annex E): tags that state their sizes in front and behind."""

from __future__ import annotations

import struct

from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, ReadAt, Structure, damaged, range_to
from worker.domain.containers.zeros import ZEROS_AMID_SOUND, begin_before

_AUDIO, _VIDEO, _SCRIPT = 8, 9, 18
_HEADER_BYTES, _SIZE_BYTES = 11, 4
_READ_BYTES = 16_384  # small, so that of a large picture only the header is read
_MAX_TAGS = 20_000_000
_BACKWARDS_MS = 10  # how far the times of sound may go back
_UNSTATED_MS = 1000  # how much less than its stated duration a file may have
_DURATION = b"\0\x08duration\0"  # in the first tag, as a number of AMF
_DAMAGED = damaged("the tags of the FLV file do not follow each other")


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether tag follows tag to the end, with times that go on."""
    reader = BlockReader(read_at, block_bytes=_READ_BYTES)
    offset = start + int.from_bytes(reader.at(start + 5, 4), "big") + _SIZE_BYTES
    first_ms: int | None = None
    last_ms = 0
    for _ in range(_MAX_TAGS):
        end = _end_of_tag(reader, offset)
        if end is None:
            break
        if end > size:
            return Structure(start, size, problem=CUT_OFF)
        header = reader.at(offset, _HEADER_BYTES)
        if header[0] & 31 == _AUDIO:
            time_ms = header[7] << 24 | int.from_bytes(header[4:7], "big")
            if time_ms < last_ms - _BACKWARDS_MS:
                return Structure(start, size, problem=_DAMAGED)
            first_ms = time_ms if first_ms is None else first_ms
            last_ms = time_ms
        offset = end
    problem = _problem(reader, offset, size) or _missing(reader, start, last_ms, has_rest=offset < size)
    return Structure(
        start,
        min(offset, size),
        problem=problem or (ZEROS_AMID_SOUND if begin_before(read_at, offset, size) else None),
        track_seconds=() if first_ms is None else ((last_ms - first_ms) / 1000,),
        repairs=(BYTES_BEHIND,) if offset < size else (),
        read_range=range_to(offset, size),
    )


def _problem(reader: BlockReader, end: int, size: int) -> str | None:
    """What the bytes behind the last whole tag mean."""
    if end > size or _is_cut_tag(reader, end, size):
        return CUT_OFF
    offset = end
    while (found := reader.find(b"\0\0\0", offset)) is not None and found < size:  # the stream's number in a header
        tag = found - 8
        if tag > end and (behind := _end_of_tag(reader, tag)) is not None and behind <= size:
            return _DAMAGED
        offset = found + 1 if reader.at(found, 64).strip(b"\0") else found + 61
    return None


def _missing(reader: BlockReader, start: int, last_ms: int, *, has_rest: bool) -> str | None:
    """Whether the bytes behind the last tag stand where, by the stated duration, more tags were."""
    head = reader.at(start, _READ_BYTES)
    at = head.find(_DURATION)
    if not has_rest or at < 0 or len(head) < at + len(_DURATION) + 8:
        return None
    (stated,) = struct.unpack_from(">d", head, at + len(_DURATION))
    return _DAMAGED if stated * 1000 > last_ms + _UNSTATED_MS else None


def _end_of_tag(reader: BlockReader, offset: int) -> int | None:
    """The offset behind the tag; it may lie behind the end of the file. None where there is no tag."""
    header = reader.at(offset, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[0] & 31 not in {_AUDIO, _VIDEO, _SCRIPT} or any(header[8:11]):
        return None
    length = _HEADER_BYTES + int.from_bytes(header[1:4], "big")
    stated = reader.at(offset + length, _SIZE_BYTES)
    # Some writers leave the size behind a tag at zero, or count it without the header.
    if len(stated) == _SIZE_BYTES and int.from_bytes(stated, "big") not in {length, length - _HEADER_BYTES, 0}:
        return None
    return offset + length + _SIZE_BYTES


def _is_cut_tag(reader: BlockReader, end: int, size: int) -> bool:
    rest = reader.at(end, _HEADER_BYTES)
    return 0 < size - end < _HEADER_BYTES and rest[0] & 31 in {_AUDIO, _VIDEO, _SCRIPT}
