"""Whether all samples of a source are numbers, and of a size that encoders are made for.

Encoders refuse NaN and infinity, or make a full-scale click of them. With sound of a million times full scale ffmpeg's
encoder of AAC does not end, and others fail. To look at each sample in ffmpeg costs a quarter of an encoder's time;
here it is a look at one byte of each.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

from worker.adapters.ffmpeg.files import Inspected, descriptors
from worker.adapters.ffmpeg.filters import has_clock
from worker.adapters.ffmpeg.printed_headers import Headers
from worker.domain.containers.structure import Structure

_STEP_BYTES = 1 << 22  # a multiple of every sample's size
_SAMPLE_BYTES = {"pcm_f32le": 4, "pcm_f32be": 4, "pcm_f64le": 8, "pcm_f64be": 8}
# By the bytes of a sample, for its top byte without the sign (IEEE 754, section 3.4): an exponent of ones has 0x7F. Of
# eight bytes 0x47 stands for 2^113 or more: an output has floats of four bytes, for which 2^128 is infinite.
_NO_NUMBER_FROM = {4: 0x7F, 8: 0x47}
_HUGE_FROM = {4: 0x43, 8: 0x40}  # 128 or more, and 2 or more
_SIGN = 0x80


class Floats(NamedTuple):
    """What is known of the samples of a source."""

    are_finite: bool | None = True  # None: that is not known
    may_be_huge: bool = False  # whether a sample may be 128 times full scale or more


def floats_of(source: Path, structure: Structure, codec: str) -> Floats:
    """Look at all samples of floating-point PCM, which lie between the structure's `begin` and `end`.

    They are not finite where one is NaN, infinite, or beyond anything that was recorded. Blocks on disk I/O.
    """
    size, may_be_huge = _SAMPLE_BYTES[codec], False
    ordinary, no_numbers = _ordinary(size), _signed(range(_NO_NUMBER_FROM[size], _SIGN))
    top = 0 if codec.endswith("be") else size - 1
    with descriptors([source]) as ((fd,), _), open(fd, "rb", buffering=0, closefd=False) as file:
        file.seek(structure.begin)
        left = structure.end - structure.begin
        while left > 0 and (block := file.read(min(left, _STEP_BYTES))):
            left -= len(block)
            huge = block[top::size].translate(None, ordinary)
            may_be_huge = may_be_huge or bool(huge)
            if len(huge.translate(None, no_numbers)) < len(huge):
                return Floats(are_finite=False, may_be_huge=True)
    return Floats(may_be_huge=may_be_huge)


async def examine_floats(source: Path, inspected: Inspected, headers: Headers) -> Floats:
    """What can be seen of a source's samples without decoding it."""
    if not headers.is_float:
        return Floats()
    if has_clock(inspected.container):
        return Floats(are_finite=None, may_be_huge=True)  # the file has other bytes between the samples
    return await asyncio.to_thread(floats_of, source, inspected.structure, headers.codec)


def _ordinary(size: int) -> bytes:
    """The top bytes of the samples with which every encoder ends."""
    return _signed(range(_HUGE_FROM[size]))


def _signed(tops: range) -> bytes:
    return bytes([*tops, *(_SIGN | top for top in tops)])
