"""Zeros behind the sound: padding, or sound that is missing where a copy to a file of its final length broke off.

Such a copy ends within a frame or a packet, which then ends with zeros as well. Whole ones do not, but for silence.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.domain.containers.frames import FrameKind
from worker.domain.containers.structure import ReadAt, damaged

ZEROS_AMID_SOUND = damaged("zeros begin amid its sound")
_FEW_BYTES = 16  # a cut within the last ones of a frame or packet is not recognised
_LONGEST_FRAME_BYTES = 16_384  # of DTS
ZEROED_BYTES = _FEW_BYTES  # at the beginning of a frame: an encoder may make fewer zeros of silence


def zeros_are_behind(read_at: ReadAt, end: int, size: int) -> bool:
    """Whether the bytes behind `end` are zeros, as far as the first of them show."""
    return size - end >= _FEW_BYTES and not any(read_at(end, _FEW_BYTES))


def is_zeroed(content: Callable[[int], bytes], length: int) -> bool:
    """Whether a frame of `length` bytes is nothing but zeros. `content` reads up to so many bytes of it."""
    return length >= ZEROED_BYTES and not any(content(ZEROED_BYTES)) and not any(content(_LONGEST_FRAME_BYTES))


def zeroed(frames: int) -> str:
    """What is said of a source in which so many frames are zeros."""
    return f"zeros stand in the place of some of its sound (damaged frames: {frames}); silence took their place"


def zeros_begin_before(read_at: ReadAt, end: int, size: int, *, few_bytes: int = _FEW_BYTES) -> bool:
    """Whether the last bytes before `end` are zeros, and those behind it are."""
    return zeros_are_behind(read_at, end, size) and not any(read_at(max(0, end - few_bytes), min(few_bytes, end)))


def zeros_begin_in_last_frame(read_at: ReadAt, begin: int, end: int, size: int, kind: FrameKind) -> bool:
    """Whether zeros begin in the last frame before `end`. Not so in silence, where the frame before ends with some."""
    if not zeros_begin_before(read_at, end, size):
        return False
    last = last_frame(read_at, end, kind, begin=begin)
    return last is not None and any(read_at(max(begin, last - _FEW_BYTES), min(_FEW_BYTES, last - begin)))


def last_frame(read_at: ReadAt, end: int, kind: FrameKind, *, begin: int = 0) -> int | None:
    """The offset of the frame that ends at `end`, if others are before it. Nothing before `begin` is searched."""
    begin = max(begin, end - 2 * _LONGEST_FRAME_BYTES)
    window = read_at(begin, end - begin)
    at = len(window) - kind.header_bytes + 1
    while (at := window.rfind(kind.sync, 1, at + len(kind.sync) - 1)) != -1:
        frame = kind.measure(window, at)
        if frame is not None and at + frame[0] == len(window):
            return begin + at
    return None
