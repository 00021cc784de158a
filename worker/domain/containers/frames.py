"""A raw stream of frames, counted from the first to the last: where it begins and ends, and what is no frame in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from worker.domain.containers.structure import ReadAt
from worker.domain.containers.tags import behind_tags_between

_BLOCK_BYTES = 1 << 20
_CHAIN = 4  # frames in a row that cannot be chance: a sync word of 11 bits alone comes every 2 kB of noise
_MAX_SKIPPED_BYTES = 1 << 28  # of what is no frame; bounds the time for a hostile file
_MAX_GAPS = 10_000


@dataclass(frozen=True, slots=True)
class Clock:
    """How long a frame is: samples of each channel, and their rate in Hz."""

    samples: int
    rate_hz: int
    channels: int = 0  # of MPEG audio; 0 where it is not said

    @property
    def seconds(self) -> float:
        return self.samples / self.rate_hz


@cache
def frame_clock(samples: int, rate_hz: int, channels: int = 0) -> Clock:
    """One object for each clock: a long file has millions of frames, whose clocks are compared by identity."""
    return Clock(samples, rate_hz, channels)


Frame = tuple[int, Clock]  # length in bytes, the header counted


class FrameKind(NamedTuple):
    """How frames of a codec are found: `measure` reads the header at an offset of a block of bytes."""

    sync: bytes  # what each of them begins with
    header_bytes: int
    measure: Callable[[bytes, int], Frame | None]
    is_right: Callable[[bytes, int, int], bool] | None = None  # False for a damaged frame; asked of each in its order
    has_tags_skipped: bool = True  # whether the demuxer skips tags in front; False where it decodes them


@dataclass(slots=True)
class Chain:
    """All frames between two offsets of a file."""

    begin: int
    end: int  # of the last whole frame
    count: int = 0
    seconds: float = 0.0
    missing_bytes: int = 0  # of a last frame that is cut off; 0 where none is
    gaps: list[tuple[int, int]] = field(default_factory=list)  # begin and end of what is no frame, between frames
    tags: list[tuple[int, int]] = field(default_factory=list)  # begin and end of tags between frames
    rates_hz: frozenset[int] = frozenset()
    channels: frozenset[int] = frozenset()  # how many the frames have; none where `measure` does not say so
    lost_frames: int = 0  # for which there is room in the gaps
    is_overlong: bool = False  # more bytes are no frames than are examined

    @property
    def mean_frame_bytes(self) -> float:
        skipped = sum(end - begin for begin, end in self.gaps + self.tags)
        return (self.end - self.begin - skipped) / max(1, self.count)

    def frames_in(self, length: int) -> int:
        """For how many frames so many bytes have room."""
        return round(length / self.mean_frame_bytes)


def chain_begins(window: bytes, offset: int, kind: FrameKind, *, frames: int = _CHAIN) -> bool:
    """Whether `frames` frames follow each other from `offset`. Two are enough where the window ends behind them."""
    for number in range(frames):
        if offset > len(window) - kind.header_bytes:
            return number >= 2
        frame = kind.measure(window, offset)
        if frame is None:
            return False
        offset += frame[0]
    return True


def find_chain(window: bytes, kind: FrameKind) -> int | None:
    """Where the first chain of frames begins."""
    offset = window.find(kind.sync)
    while offset != -1:
        if chain_begins(window, offset, kind):
            return offset
        offset = window.find(kind.sync, offset + 1)
    return None


def count_frames(read_at: ReadAt, begin: int, end: int, kind: FrameKind) -> Chain:
    """Count the frames from the one at `begin`. Tags between frames, where files were joined, are no gaps."""
    chain = Chain(begin, begin)
    clocks: dict[Clock, int] = {}
    at, skipped = begin, 0
    while at < end:
        block = read_at(at, min(_BLOCK_BYTES, end - at))
        passed = _pass_frames(block, end - at, kind, clocks)
        at += passed
        if passed:
            chain.end = at
        if passed and passed > len(block) - kind.header_bytes:
            continue  # the next header is in the next block
        block = block[passed : passed + kind.header_bytes]
        frame = kind.measure(block, 0) if len(block) == kind.header_bytes else None
        found = _next_frames(read_at, at, end, kind)
        if found is None:
            chain.missing_bytes = _missing_bytes(block, end - at, frame, kind)
            break
        skipped += found - at
        (chain.tags if behind_tags_between(read_at, at) == found else chain.gaps).append((at, found))
        if skipped > _MAX_SKIPPED_BYTES or len(chain.gaps) + len(chain.tags) > _MAX_GAPS:
            chain.is_overlong = True
            break
        at = found
    for skips in (chain.gaps, chain.tags):
        skips[:] = [(begin, behind) for begin, behind in skips if behind <= chain.end]
    chain.count = sum(clocks.values())
    chain.rates_hz = frozenset(clock.rate_hz for clock in clocks)
    chain.channels = frozenset(clock.channels for clock in clocks if clock.channels)
    chain.seconds = sum(count * clock.samples / clock.rate_hz for clock, count in clocks.items())
    return chain


def lost_frames(read_at: ReadAt, begin: int, end: int, chain: Chain, kind: FrameKind) -> int:
    """How many frames there were in a gap of a chain: one where a header states the length of the gap.

    Where the header does so but for a bit, what is too short for a frame is none, unless the chain begins with it.
    """
    header, frames = read_at(begin, kind.header_bytes), chain.frames_in(end - begin)
    if len(header) < kind.header_bytes:
        return frames
    frame = kind.measure(header, 0)
    is_one = frame is not None and frame[0] == end - begin
    if is_one or ((frames or begin == chain.begin) and but_for_a_bit(header, end - begin, kind) is not None):
        return 1
    return frames


def but_for_a_bit(damaged_header: bytes, length: int, kind: FrameKind) -> bytes | None:
    """The header of a frame of so many bytes that differs in a bit or none; None where there is none."""
    header = int.from_bytes(damaged_header, "big")
    for mask in (0, *(1 << bit for bit in range(8 * kind.header_bytes))):
        mended = (header ^ mask).to_bytes(kind.header_bytes, "big")
        frame = kind.measure(mended, 0)
        if frame is not None and frame[0] == length:
            return mended
    return None


def _pass_frames(block: bytes, end: int, kind: FrameKind, clocks: dict[Clock, int]) -> int:
    """The offset behind the frames that begin in this block and are whole before `end`; `clocks` counts them."""
    measure, is_right, last_header = kind.measure, kind.is_right, len(block) - kind.header_bytes
    offset, count, clock = 0, 0, None
    while offset <= last_header and (frame := measure(block, offset)) is not None:
        behind = offset + frame[0]
        if behind > end or (is_right is not None and not is_right(block, offset, behind)):
            break
        if frame[1] is not clock:
            if clock is not None:
                clocks[clock] = clocks.get(clock, 0) + count
            count, clock = 0, frame[1]
        offset = behind
        count += 1
    if clock is not None:
        clocks[clock] = clocks.get(clock, 0) + count
    return offset


def _next_frames(read_at: ReadAt, at: int, end: int, kind: FrameKind) -> int | None:
    """Where frames go on behind bytes that are none; None where they do not.

    Whole tags are skipped. One that states more bytes than there are is searched for frames.
    """
    behind = behind_tags_between(read_at, at)
    if at < behind <= end:
        return behind
    at += 1
    stop = min(end, at + _MAX_SKIPPED_BYTES)
    while at < stop:
        block = read_at(at, min(_BLOCK_BYTES, end - at))
        # A chain may reach behind the block: the last part of it is looked at again, at the head of the next one.
        found = find_chain(block, kind)
        if found is not None:
            return at + found
        if len(block) < _BLOCK_BYTES:
            return None
        at += _BLOCK_BYTES // 2
    return end if stop < end else None


def _missing_bytes(header: bytes, there: int, frame: Frame | None, kind: FrameKind) -> int:
    """How many bytes are missing of a frame that the file's end cuts off. 0 for junk or padding, which is no frame."""
    if frame is not None:
        return max(0, frame[0] - there)
    return max(0, kind.header_bytes - there) if header.startswith(kind.sync[: len(header)]) else 0
