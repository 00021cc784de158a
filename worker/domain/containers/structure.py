"""What every container's module says about a file: `examine(read_at, start, size) -> Structure`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import fsum

ReadAt = Callable[[int, int], bytes]  # up to `size` bytes from `offset`; fewer at the end of the file

CUT_OFF = "the source is cut off: the file ends before its audio does"
BYTES_BEHIND = "bytes behind the end of the sound are none of its container and were passed over"
G726_40 = "G.726 and G.723 at 40 kbit/s (5 bits a sample) are not supported: FFmpeg does not decode them right"
JOINED = "the source is several files joined to one: only the first of them would be heard"


MAX_PARTS = 32  # of a source, each of which has a descriptor and two threads of the converter's process


def damaged(what: str) -> str:
    """The sentence of a file that is refused because sound is missing in the middle."""
    return f"the source is damaged: {what}"


@dataclass(frozen=True, slots=True)
class Patch:
    """`content`, and zeros behind it, in the place of `length` bytes at `offset`."""

    offset: int
    length: int
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Structure:
    """The structure of a file, from its headers alone: nothing is decoded.

    `begin` and `end` are byte offsets; tags, padding and junk before and behind the sound lie outside of them.
    `problem` is a sentence for the producer where the file must be refused.
    """

    begin: int
    end: int
    problem: str | None = None
    track_seconds: tuple[float | None, ...] = ()  # of each audio track in the file's order, where it is stated
    parts: tuple[Structure, ...] = ()  # recordings in a row, each for a decoder of its own; none where one does
    repairs: tuple[str, ...] = ()  # what is wrong and loses no sound: sentences without a capital and a full stop
    frames_only: bool = False  # nothing but frames lies between `begin` and `end`, so every byte is to be decoded
    read_range: tuple[int, int] | None = None  # what the decoder may see, where the rest would mislead it
    patches: tuple[Patch, ...] = ()  # what the decoder gets in place of bytes that it cannot handle
    mends_header: bool = False  # without the patches the decoder cannot read so much as the header
    names_positions: bool = True  # False: the channels have no positions, and those of a decoder are a guess
    codec: str | None = None  # FFmpeg's name of the samples' codec, where its demuxer takes them for another
    # Of what the decoder makes, the first sample and the one behind the last, where no demuxer leaves out the others.
    sound_samples: tuple[int, int] | None = None
    ignores_stated_size: bool = False  # the header's size of the sound is wrong, and the sound ends with the range
    # Some frames are zeros, and the decoder passes over them or makes too little of them: silence takes their place.
    loses_frames: bool = False
    # How far a demuxer has to read to find the tracks, if that is known to be far, or may read to describe the first
    # format, if another follows soon.
    probe_bytes: int | None = None

    @property
    def frame_bytes(self) -> int | None:
        """How many bytes are to be decoded, where that is certain."""
        return self.end - self.begin if self.frames_only else None


Examine = Callable[[ReadAt, int, int], Structure]
"""Examines a file of `size` bytes from `start`, where sniffing found the container.

Raises nothing, whatever the bytes are. The first line of its docstring says what is looked at, for docs/formats.md.
"""


def seconds_together(parts: Iterable[Structure]) -> float:
    """The length of the parts in seconds, as far as it is stated. Python 3.12 and later round sum() in another way."""
    return fsum(seconds for part in parts for seconds in part.track_seconds if seconds is not None)


def range_to(end: int, size: int) -> tuple[int, int] | None:
    """The range for a decoder that must not see what lies behind `end`; None where nothing does."""
    return (0, end) if end < size else None
