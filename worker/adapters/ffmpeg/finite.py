"""Whether all samples of a source are numbers: encoders refuse NaN and infinity, or make a full-scale click of them.

To look at each sample in ffmpeg costs a quarter of an encoder's time; here it is a search for two bytes.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from worker.adapters.ffmpeg.files import Inspected, descriptors
from worker.adapters.ffmpeg.filters import has_clock
from worker.adapters.ffmpeg.printed_headers import Headers
from worker.domain.containers.structure import Structure

_STEP_BYTES = 1 << 22  # a multiple of every sample's size
_SAMPLE_BYTES = {"pcm_f32le": 4, "pcm_f32be": 4, "pcm_f64le": 8, "pcm_f64be": 8}


def has_only_numbers(source: Path, structure: Structure, codec: str) -> bool:
    """False where a sample of floating-point PCM is NaN, infinite, or beyond anything that was recorded.

    The samples lie between the structure's `begin` and `end`. The first byte of such a sample, or the last one where
    the order is little-endian, is 0x7F or 0xFF: the sign, and an exponent of ones (IEEE 754, section 3.4).
    Blocks on disk I/O.
    """
    size = _SAMPLE_BYTES[codec]
    top = 0 if codec.endswith("be") else size - 1
    with descriptors([source]) as ((fd,), _), open(fd, "rb", buffering=0, closefd=False) as file:
        file.seek(structure.begin)
        left = structure.end - structure.begin
        while left > 0 and (block := file.read(min(left, _STEP_BYTES))):
            left -= len(block)
            exponents = block[top::size]
            if b"\x7f" in exponents or b"\xff" in exponents:
                return False
    return True


async def is_finite(source: Path, inspected: Inspected, headers: Headers) -> bool | None:
    """Whether all samples of a source are numbers; None where that cannot be seen without decoding it."""
    if not headers.is_float:
        return True
    if has_clock(inspected.container):
        return None  # the file has other bytes between the samples
    return await asyncio.to_thread(has_only_numbers, source, inspected.structure, headers.codec)
