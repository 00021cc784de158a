"""A raw stream of frames whose sample rate changes on the way: parts with a decoder each.

FFmpeg 9.0 gives all frames of ADTS times by the rate of the first one (measured): where the rate rises, frames seem
late, and where it falls, they seem early.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from worker.domain.containers.frames import Chain, FrameKind, lost_frames
from worker.domain.containers.structure import MAX_PARTS, ReadAt, Structure

_BLOCK_BYTES = 1 << 20
_TOO_MANY_CHANGES = f"the source's sample rate changes more than {MAX_PARTS - 1} times"


@dataclass(slots=True)
class _Stretch:
    """Frames in a row with one rate, the lost ones among them, and the bytes between and behind them that are none."""

    begin: int
    rate_hz: int
    end: int
    frames: int = 0
    seconds: float = 0.0

    def add_gap(self, end: int, frames: int) -> None:
        self.seconds += frames * self.seconds / self.frames
        self.frames += frames
        self.end = end


def in_parts(structure: Structure, chain: Chain, read_at: ReadAt, kind: FrameKind) -> Structure:
    """The structure with a part for each stretch of frames of one sample rate; unchanged where there is only one."""
    if structure.problem or len(chain.rates_hz) < 2:
        return structure
    stretches = _stretches(read_at, chain, kind)
    if len(stretches) > MAX_PARTS:
        return replace(structure, problem=_TOO_MANY_CHANGES)
    parts = [
        Structure(each.begin, each.end, track_seconds=(each.seconds,), read_range=(each.begin, each.end))
        for each in stretches
    ]
    return replace(structure, parts=tuple(parts), track_seconds=(sum(each.seconds for each in stretches),))


def _stretches(read_at: ReadAt, chain: Chain, kind: FrameKind) -> list[_Stretch]:
    """The stretches of the chain, in their order; not all of them where there are too many."""
    gaps = dict(chain.gaps)
    skips = gaps | dict(chain.tags)
    found: list[_Stretch] = []
    at, block_at, block = chain.begin, chain.begin, b""
    while at < chain.end and len(found) <= MAX_PARTS:
        if found and at in skips:
            frames = lost_frames(read_at, at, skips[at], chain, kind) if at in gaps else 0
            at = skips[at]
            found[-1].add_gap(at, frames)
            continue
        if at + kind.header_bytes > block_at + len(block):
            block_at, block = at, read_at(at, _BLOCK_BYTES)
        frame = kind.measure(block, at - block_at)
        if frame is None:
            break  # never within a chain
        length, (samples, rate_hz) = frame
        if not found or found[-1].rate_hz != rate_hz:
            found.append(_Stretch(at, rate_hz, end=at))
        at += length
        found[-1].frames += 1
        found[-1].seconds += samples / rate_hz
        found[-1].end = at
    return found
