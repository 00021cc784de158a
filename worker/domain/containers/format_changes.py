"""A raw stream of frames whose sample rate or channels change on the way: parts with a decoder each.

FFmpeg 9.0 gives all frames of ADTS times by the rate of the first one (measured): where the rate rises, frames seem
late, and where it falls, they seem early. Of MPEG audio it decodes the first frames of a new rate as if they had the
last one, and their times leave gaps. Where the channels of MPEG audio change, a file begins that has an encoder's tag
and samples that its encoder put in front: of the first file alone they are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from worker.domain.containers.frames import Chain, FrameKind, lost_frames
from worker.domain.containers.structure import MAX_PARTS, ReadAt, Structure, seconds_together

_BLOCK_BYTES = 1 << 20
_SHORTEST_FRAMES = 8  # of a file that was joined to one with other channels
_TOO_MANY_CHANGES = f"the source's sample rate and channels change more than {MAX_PARTS - 1} times"

FormatOf = Callable[[bytes, int], int]
"""From a block and an offset, the bits of a header, in its first 4 bytes, that say a frame's rate and channels."""


class Formats:
    """The formats of the frames of one file, in their order, which is that of the questions."""

    def __init__(self, kind: FrameKind, format_of: FormatOf) -> None:
        self._kind = kind
        self._format_of = format_of
        self._last: int | None = None
        self._head = b""  # of the last frame: most that follow on it begin with the same bytes, which costs no call

    def is_right(self, block: bytes, begin: int, end: int) -> bool:
        """Whether the frame between two offsets has the format of the frame before, or of what follows on it.

        A frame that is alone with its format has a damaged header. Its decoder would often refuse it, and with it the
        file. At the end of a block, where not enough follows to compare it with, a frame is right.
        """
        head = block[begin : begin + 4]
        if head == self._head:
            return True
        own = self._format_of(block, begin)
        if own != self._last:
            behind = self._formats_behind(block, end)
            if self._last is None:
                is_alone = len(behind) == 2 and behind[0] == behind[1] != own  # else the second one may be damaged
            else:
                is_alone = len(behind) > 0 and behind[0] != own
            if is_alone:
                return False
            self._last = own
        self._head = head
        return True

    def _formats_behind(self, block: bytes, offset: int) -> list[int | None]:
        """Of the next two frames, as far as the block has their headers; None, as the last, where none begins."""
        formats: list[int | None] = []
        while len(formats) < 2 and offset <= len(block) - self._kind.header_bytes:
            frame = self._kind.measure(block, offset)
            if frame is None:
                return [*formats, None]
            formats.append(self._format_of(block, offset))
            offset += frame[0]
        return formats


@dataclass(slots=True)
class _Stretch:
    """Frames in a row with one format, the lost ones among them, and bytes between and behind them that are none."""

    begin: int
    format: int
    end: int
    frames: int
    seconds: float

    def add_gap(self, end: int, frames: int) -> None:
        self.seconds += frames * self.seconds / self.frames
        self.frames += frames
        self.end = end if frames else self.end  # a decoder would take a tag at the end for a damaged frame


def in_parts(structure: Structure, chain: Chain, read_at: ReadAt, kind: FrameKind, format_of: FormatOf) -> Structure:
    """The structure with a part for each stretch of frames of one format; unchanged where there is one.

    Where the rate changes, so may the channels: amid a part they would make the filters begin anew, which have joined
    the parts before it already. One decoder can play channels that change: it does so where the chain does not count
    them, where they change more often than there can be parts, and where a stretch is too short for joined files: its
    frames may have damaged headers, or be an encoder's tag.
    """
    if structure.problem or max(len(chain.rates_hz), len(chain.channels)) < 2:
        return structure
    stretches = _stretches(read_at, chain, kind, format_of)
    if len(chain.rates_hz) < 2:
        if len(stretches) > MAX_PARTS or min(each.frames for each in stretches) < _SHORTEST_FRAMES:
            return structure
    elif len(stretches) > MAX_PARTS:
        return replace(structure, problem=_TOO_MANY_CHANGES)
    parts = [
        Structure(each.begin, each.end, track_seconds=(each.seconds,), read_range=(each.begin, each.end))
        for each in stretches
    ]
    return replace(structure, parts=tuple(parts), track_seconds=(seconds_together(parts),))


def _stretches(read_at: ReadAt, chain: Chain, kind: FrameKind, format_of: FormatOf) -> list[_Stretch]:
    """The stretches of the chain, in their order; not all of them where there are too many."""
    gaps = dict(chain.gaps)
    skips = gaps | dict(chain.tags)
    found: list[_Stretch] = []
    at, block_at, block, lost_in_front = chain.begin, chain.begin, b"", 0
    while at < chain.end and len(found) <= MAX_PARTS:
        if at in skips:
            frames = lost_frames(read_at, at, skips[at], chain, kind) if at in gaps else 0
            at = skips[at]
            if found:
                found[-1].add_gap(at, frames)
            else:
                lost_in_front += frames
            continue
        if at + kind.header_bytes > block_at + len(block):
            block_at, block = at, read_at(at, _BLOCK_BYTES)
        frame = kind.measure(block, at - block_at)
        if frame is None:
            break  # never within a chain
        length, clock = frame
        if not found or found[-1].format != format_of(block, at - block_at):
            lost_seconds, begin = lost_in_front * clock.seconds, at if found else chain.begin
            found.append(_Stretch(begin, format_of(block, at - block_at), at, lost_in_front, lost_seconds))
            lost_in_front = 0
        at += length
        found[-1].frames += 1
        found[-1].seconds += clock.seconds
        found[-1].end = at
    return found
