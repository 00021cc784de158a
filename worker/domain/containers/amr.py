"""AMR and AMR-WB files (RFC 4867, section 5)."""

from __future__ import annotations

from collections.abc import Sequence

from worker.domain.containers.samples import is_constant
from worker.domain.containers.stream import is_more_than_junk
from worker.domain.containers.structure import CUT_OFF, JOINED, ReadAt, Structure, damaged
from worker.domain.containers.tags import before_tags
from worker.domain.containers.zeros import ZEROS_AMID_SOUND, zeros_begin_before

_NARROW = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)  # RFC 4867, section 5.3
_WIDE = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)
_MAGIC = b"#!AMR"
_PADDING_BITS = 0x83  # of a frame's first byte: they are 0 in every frame
_FRAME_SECONDS = 0.02
_MAX_FRAMES = 10_000_000  # two days and more; bounds the time for a hostile file of one-byte frames
_BLOCK_BYTES = 1 << 20
_CHAIN = 10  # frames in a row that cannot be chance
_CHAIN_TO_THE_END = 4  # of which the last ends where the file does
_CHAIN_BYTES = 11 * 61
_LOOKED_AT_BYTES = 8192
_FEW_BYTES = 5  # of zeros, with which no frame ends but for digital silence


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a frame. There are no sync words: the frames are counted from the first.

    A frame without data is 20 ms of sound like any other. Zeros are no frame: a frame of speech has its quality bit
    set, and a lost one has a type of its own.
    """
    wide = read_at(start, 9) == b"#!AMR-WB\n"
    begin = min(size, start + (9 if wide else 6))
    end = before_tags(read_at, begin, size)
    lengths = _WIDE if wide else _NARROW
    frames, last, stop = _count(read_at, begin, end, lengths)
    problem: str | None = None
    repairs: tuple[str, ...] = ()
    rest = end - stop
    if stop > end:
        problem = CUT_OFF
    elif zeros_begin_before(read_at, stop, end, few_bytes=_FEW_BYTES) and any(read_at(last - _FEW_BYTES, _FEW_BYTES)):
        problem = ZEROS_AMID_SOUND
    elif not is_constant(read_at, stop, end):
        repairs = (f"{rest} bytes of junk behind the sound were skipped",)
        if read_at(stop, len(_MAGIC)) == _MAGIC:
            problem = JOINED
        elif is_more_than_junk(rest, stop - begin) or _holds_frames(read_at(stop, _LOOKED_AT_BYTES), lengths):
            problem = damaged(f"its last {rest} bytes are not all frames of audio")
    end = min(stop, end)
    return Structure(
        begin,
        end,
        problem=problem,
        track_seconds=(frames * _FRAME_SECONDS,),
        repairs=repairs,
        frames_only=True,
        read_range=(0, end) if end < size else None,
    )


def _count(read_at: ReadAt, begin: int, end: int, lengths: Sequence[int]) -> tuple[int, int, int]:
    """How many frames there are, and where the last of them begins and ends: behind `end` if it is cut off."""
    by_first_byte = [0 if first & _PADDING_BITS else lengths[first >> 3] for first in range(256)]
    offset, block, position, frames, last_bytes = begin, b"", 0, 0, 0
    while offset + position < end and frames < _MAX_FRAMES:
        if position >= len(block) - _CHAIN_BYTES and offset + len(block) < end:
            offset, position = offset + position, 0
            block = read_at(offset, min(_BLOCK_BYTES, end - offset))
            if not block:
                break
        first = block[position]
        length = by_first_byte[first] or _length_in_spite(block, position, lengths)
        if not length or (not first and not any(block[position : position + length])):
            break
        position += length
        last_bytes = length
        frames += 1
    return frames, offset + position - last_bytes, offset + position


def _length_in_spite(block: bytes, position: int, lengths: Sequence[int]) -> int:
    """The length of a frame whose padding bits are set by mistake. 0 where no frames follow that would show this."""
    length = lengths[block[position] >> 3 & 15]
    return length if _chain(block, position + length, lengths) else 0


def _holds_frames(block: bytes, lengths: Sequence[int]) -> bool:
    """Whether frames follow each other anywhere in it, which are then lost sound."""
    return any(_chain(block, position, lengths, to_the_end=_CHAIN_TO_THE_END) for position in range(len(block)))


def _chain(block: bytes, position: int, lengths: Sequence[int], *, to_the_end: int = 0) -> bool:
    """Whether ten frames follow each other from `position`, or at least `to_the_end` of them end with the block."""
    for number in range(_CHAIN):
        if position == len(block):
            return number >= to_the_end
        if position > len(block) or block[position] & _PADDING_BITS or not block[position]:
            return False
        position += lengths[block[position] >> 3]
    return True
