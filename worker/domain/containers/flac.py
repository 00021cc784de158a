"""FLAC's own container (RFC 9639): metadata blocks, and then frames to the end.

A header that was copied with a part of the frames states a length that is not that of the file. The frames are
numbered, so their first and last say how much there is; a file that is cut off ends within a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.containers.flac_frames import LONGEST_HEADER_BYTES, Frame, end_of_frame, frame_header
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure, damaged, range_to
from worker.domain.containers.tags import before_tags

_MAX_METADATA_BLOCKS = 10_000
_TAIL_BYTES = 1 << 18  # a frame of 16 bits and 2 channels has 10 kB, the largest of 24 bits and 8 channels 110 kB
_MAX_CANDIDATES = 16  # for the last frame: two bytes of its header can stand anywhere by chance
_DISORDER = damaged("the frames of the FLAC file are in disorder")
_NO_FRAME = damaged("no frame follows the header of the FLAC file")


@dataclass(frozen=True, slots=True)
class _Stream:
    """What the first metadata block says, and where the frames begin."""

    block_size: int  # the largest of all frames; that of all of them but the last where it is fixed
    rate_hz: int
    samples: int  # 0: not stated
    frames_at: int


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file begins and ends with a whole frame, and how long it is by the numbers of its frames."""
    stream = _stream(read_at, start)
    if stream is None:
        return Structure(start, size, problem=CUT_OFF)
    first = frame_header(read_at(stream.frames_at, LONGEST_HEADER_BYTES))
    if first is None:
        return Structure(start, size, problem=CUT_OFF if stream.frames_at + LONGEST_HEADER_BYTES > size else _NO_FRAME)
    found = _last_frame(read_at, stream, first, size)
    if found is None:
        return Structure(start, size, problem=CUT_OFF)
    last, end = found
    samples = last.begin(stream.block_size) + last.samples - first.begin(stream.block_size)
    rate_hz = first.rate_hz or stream.rate_hz
    if samples <= 0 or not rate_hz:
        return Structure(start, size, problem=_DISORDER)
    return Structure(
        start,
        end,
        track_seconds=(samples / rate_hz,),
        repairs=_repairs(stream.samples, samples, rate_hz),
        read_range=range_to(end, size),
    )


def _repairs(stated: int, found: int, rate_hz: int) -> tuple[str, ...]:
    if stated in {0, found}:
        return ()
    return (f"the FLAC header states {stated / rate_hz:.2f} s; the frames are whole and hold {found / rate_hz:.2f} s",)


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


def _last_frame(read_at: ReadAt, stream: _Stream, first: Frame, size: int) -> tuple[Frame, int] | None:
    """The last frame and where it ends, tags, zeros and junk behind it left out; None where it is cut."""
    end = _end_of_data(read_at, stream.frames_at, size)
    begin = max(stream.frames_at, end - _TAIL_BYTES)
    window = read_at(begin, end - begin)
    at = len(window)
    for _ in range(_MAX_CANDIDATES):
        at = max(window.rfind(b"\xff\xf8", 0, at), window.rfind(b"\xff\xf9", 0, at))
        if at < 0:
            return None
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
