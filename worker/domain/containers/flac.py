"""FLAC's own container (RFC 9639): metadata blocks, and then frames to the end.

A header that was copied with a part of the frames states a length that is not that of the file. The frames are
numbered, so their first and last say how much there is; a file that is cut off ends within a frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from worker.domain.containers.flac_frames import LONGEST_HEADER_BYTES, Frame, end_of_frame, frame_header
from worker.domain.containers.reading import BlockReader
from worker.domain.containers.samples import is_constant
from worker.domain.containers.structure import (
    BYTES_BEHIND,
    CUT_OFF,
    JOINED,
    MAX_PARTS,
    ReadAt,
    Structure,
    damaged,
    range_to,
    seconds_together,
)
from worker.domain.containers.tags import before_tags, behind_tags_between

_MAX_METADATA_BLOCKS = 10_000
_MAGIC = b"fLaC\0\0\0\x22"  # with the header of the block that always comes first
_PLACES = 12  # further and further apart: equally long files that were joined have others of their frames at each
_SEARCHED_BYTES = 1 << 15  # for a frame at each place
_TAIL_BYTES = 1 << 18  # a frame of 16 bits and 2 channels has 10 kB, the largest of 24 bits and 8 channels 110 kB
_SYNC = re.compile(rb"\xff[\xf8\xf9]")  # the first two bytes of a frame, which can stand anywhere by chance
_DISORDER = damaged("the frames of the FLAC file are in disorder")
_NO_FRAME = damaged("no frame follows the header of the FLAC file")
_NO_LAST_FRAME = damaged("behind the last whole frame of the FLAC file are bytes that are no frame")
_SHORTEST_FRAME_BYTES = 10  # header 6, a constant subframe 2, checksum 2


@dataclass(frozen=True, slots=True)
class _Stream:
    """What the first metadata block says, and where the frames begin."""

    block_size: int  # the largest of all frames; that of all of them but the last where it is fixed
    rate_hz: int
    samples: int  # 0: not stated
    frames_at: int


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file begins and ends with a whole frame, and how long it is by the numbers of its frames.

    Files that were joined to one are parts. They are searched where the frames are not what the first header states,
    or are not in the order of their numbers: files that are equally long end as the first header states.
    """
    structure = _examine(read_at, start, size)
    if structure.problem or structure.repairs or _goes_back(read_at, start, size):
        begins = _begins(read_at, start)
        if len(begins) > MAX_PARTS:
            return replace(structure, problem=JOINED)
        if len(begins) > 1:
            return _joined([_examine(read_at, begin, end) for begin, end in pairwise([*begins, size])], begins)
    return structure


def _goes_back(read_at: ReadAt, start: int, size: int) -> bool:
    """Whether the frames at some places have numbers that do not rise. It reads only little of the file."""
    stream = _stream(read_at, start)
    first = None if stream is None else frame_header(read_at(stream.frames_at, LONGEST_HEADER_BYTES))
    if stream is None or first is None:
        return False
    last_at, last = stream.frames_at, first
    for place in range(1, _PLACES):
        begin = stream.frames_at + (size - stream.frames_at) * place**2 // _PLACES**2
        at, frame = _next_frame(read_at, begin, first) or (last_at, last)
        if at > last_at and frame.number <= last.number:
            return True
        last_at, last = at, frame
    return False


def _next_frame(read_at: ReadAt, begin: int, first: Frame) -> tuple[int, Frame] | None:
    """Where the next frame begins that is like the first one, and what its header says. None where none is near."""
    window = read_at(begin, _SEARCHED_BYTES)
    for found in _SYNC.finditer(window):
        frame = frame_header(window[found.start() : found.start() + LONGEST_HEADER_BYTES])
        if frame and frame.is_like(first):
            return begin + found.start(), frame
    return None


def _begins(read_at: ReadAt, start: int) -> list[int]:
    """Where files begin, as far as there are not too many of them. None begins within the metadata of another."""
    reader, begins, stream = BlockReader(read_at), [start], _stream(read_at, start)
    while stream is not None and len(begins) <= MAX_PARTS:
        begin = reader.find(_MAGIC, stream.frames_at)
        if begin is None:
            break
        begins.append(begin)
        stream = _stream(read_at, begin)
    return begins


def _joined(parts: list[Structure], begins: list[int]) -> Structure:
    return Structure(
        begins[0],
        parts[-1].end,
        problem=next((part.problem for part in parts if part.problem), None),
        track_seconds=(seconds_together(parts),),
        parts=tuple(replace(part, read_range=(part.begin, part.end)) for part in parts),
        repairs=tuple(dict.fromkeys(sentence for part in parts for sentence in part.repairs)),
    )


def _examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Of one file, which is examined as if the file ended at `size`."""
    stream = _stream(read_at, start)
    if stream is None:
        return Structure(start, size, problem=CUT_OFF)
    first = frame_header(read_at(stream.frames_at, LONGEST_HEADER_BYTES))
    if first is None:
        return Structure(start, size, problem=CUT_OFF if stream.frames_at + LONGEST_HEADER_BYTES > size else _NO_FRAME)
    end_of_data = _end_of_data(read_at, stream.frames_at, size)
    found = _last_frame(read_at, stream, first, end_of_data)
    if found is None:
        return Structure(start, size, problem=CUT_OFF)
    last, end = found
    samples = last.begin(stream.block_size) + last.samples - first.begin(stream.block_size)
    rate_hz = first.rate_hz or stream.rate_hz
    if samples <= 0 or not rate_hz:
        return Structure(start, size, problem=_DISORDER)
    rest_bytes = _rest_bytes(read_at, end, end_of_data)
    if rest_bytes >= _SHORTEST_FRAME_BYTES and stream.samples != samples:
        return Structure(start, size, problem=_NO_LAST_FRAME)
    return Structure(
        start,
        end,
        track_seconds=(samples / rate_hz,),
        repairs=(*_repairs(stream.samples, samples, rate_hz), *([BYTES_BEHIND] if rest_bytes else [])),
        read_range=range_to(end, size),
    )


def _repairs(stated: int, found: int, rate_hz: int) -> tuple[str, ...]:
    if stated in {0, found}:
        return ()
    return (f"the FLAC header states {stated / rate_hz:.2f} s; the frames are whole and hold {found / rate_hz:.2f} s",)


def _rest_bytes(read_at: ReadAt, end: int, end_of_data: int) -> int:
    """How many bytes behind the last whole frame are neither tags nor padding."""
    begin = min(behind_tags_between(read_at, end), end_of_data)
    return 0 if is_constant(read_at, begin, end_of_data) else end_of_data - begin


def _stream(read_at: ReadAt, start: int) -> _Stream | None:
    info = read_at(start + 8, 34)
    offset = start + 4
    for _ in range(_MAX_METADATA_BLOCKS):
        header = read_at(offset, 4)
        if len(header) < 4:
            return None
        offset += 4 + int.from_bytes(header[1:], "big")
        if header[0] & 0x80:
            packed = int.from_bytes(info[10:18], "big")
            return _Stream(int.from_bytes(info[2:4], "big"), packed >> 44, packed & 0xF_FFFF_FFFF, offset)
    return None


def _last_frame(read_at: ReadAt, stream: _Stream, first: Frame, end: int) -> tuple[Frame, int] | None:
    """The last whole frame before `end` and where it ends; None where it is cut."""
    begin = max(stream.frames_at, end - _TAIL_BYTES)
    window = read_at(begin, end - begin)
    for at in reversed([found.start() for found in _SYNC.finditer(window)]):
        frame = frame_header(window[at : at + LONGEST_HEADER_BYTES])
        if frame and frame.is_like(first):
            behind = end_of_frame(window, at)
            return None if behind is None or _is_begun_header(window[behind:]) else (frame, begin + behind)
    return None


def _is_begun_header(rest: bytes) -> bool:
    return len(rest) < LONGEST_HEADER_BYTES and (rest == b"\xff" or rest[:2] in {b"\xff\xf8", b"\xff\xf9"})


def _end_of_data(read_at: ReadAt, start: int, size: int) -> int:
    """Where the tags and zeros at the end begin. Two zeros are kept, because a frame's checksum may end with them."""
    end = untagged = before_tags(read_at, start, size)
    while end > start:
        begin = max(start, end - _TAIL_BYTES)
        kept = len(read_at(begin, end - begin).rstrip(b"\0"))
        if kept:
            return min(begin + kept + 2, untagged)
        end = begin
    return start
