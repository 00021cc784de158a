"""Whether bytes are sound, for containers whose stated sizes are wrong: neighbouring samples are alike in sound."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from worker.domain.containers.structure import ReadAt

ByteOrder = Literal["little", "big"]

_WINDOWS = 16
_WINDOW_FRAMES = 1024
_MAX_WINDOW_BYTES = 16_384
# The mean step from sample to sample over the mean deviation: 1.33 to 1.41 for random bytes, below 1 for any sound
# that has most of its energy in the lower third of its band.
_MAX_ROUGHNESS = 1.1


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """Samples of one size: `kind` is `int`, `unsigned`, `float`, `mulaw` or `alaw`."""

    kind: str
    sample_bytes: int
    channels: int
    byte_order: ByteOrder = "little"
    rate_hz: int = 0

    @property
    def frame_bytes(self) -> int:
        return self.sample_bytes * self.channels

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec."""
        if self.kind in {"mulaw", "alaw"}:
            return f"pcm_{self.kind}"
        if self.sample_bytes == 1:
            return "pcm_u8" if self.kind == "unsigned" else "pcm_s8"
        return f"pcm_{'f' if self.kind == 'float' else 's'}{8 * self.sample_bytes}{self.byte_order[0]}e"

    def if_known(self) -> SampleLayout | None:
        """The layout, or None where samples of this kind do not have this size, or the channels make no sense."""
        sizes = {"int": {1, 2, 3, 4}, "unsigned": {1}, "float": {4, 8}, "mulaw": {1}, "alaw": {1}}
        return self if self.sample_bytes in sizes.get(self.kind, ()) and 1 <= self.channels <= 64 else None


def is_constant(read_at: ReadAt, begin: int, end: int) -> bool:
    """Whether the bytes are padding: one value throughout, as far as evenly spread windows show."""
    return len({byte for window in _windows(read_at, begin, end, 1) for byte in set(window)}) <= 1


def is_sound(read_at: ReadAt, begin: int, end: int, layout: SampleLayout) -> bool:
    """Whether the samples in this range are plainly sound."""
    found = _roughness(read_at, begin, end, layout)
    return found is not None and found <= _MAX_ROUGHNESS


def is_rough(read_at: ReadAt, begin: int, end: int, layout: SampleLayout) -> bool:
    """Whether the samples in this range are noise, or no samples at all."""
    found = _roughness(read_at, begin, end, layout)
    return found is not None and found > _MAX_ROUGHNESS


def _roughness(read_at: ReadAt, begin: int, end: int, layout: SampleLayout) -> float | None:
    """How unlike neighbouring samples are, from 0; None where there is nothing but silence."""
    found = [
        value
        for window in _windows(read_at, begin, end, layout.frame_bytes)
        if (value := _roughness_of(_values(window, layout), layout.channels)) is not None
    ]
    return median(found) if found else None


def _windows(read_at: ReadAt, begin: int, end: int, frame_bytes: int) -> Iterator[bytes]:
    length = min(_WINDOW_FRAMES * frame_bytes, _MAX_WINDOW_BYTES)
    length -= length % frame_bytes
    last = max(0, end - begin - length)
    for number in range(_WINDOWS):
        offset = last * number // (_WINDOWS - 1)
        yield read_at(begin + offset - offset % frame_bytes, min(length, end - begin))
        if last == 0:
            break


def _roughness_of(values: Sequence[float], channels: int) -> float | None:
    if len(values) <= channels:
        return None
    if not all(abs(value) < 1e6 for value in values):
        return math.inf
    mean = math.fsum(values) / len(values)
    deviation = math.fsum(abs(value - mean) for value in values) / len(values)
    if deviation == 0:
        return None
    steps = math.fsum(abs(b - a) for a, b in zip(values, values[channels:], strict=False))
    return steps / (len(values) - channels) / deviation


def _values(window: bytes, layout: SampleLayout) -> list[float]:
    count = len(window) // layout.sample_bytes
    order = "<" if layout.byte_order == "little" else ">"
    if layout.kind == "float":
        return list(struct.unpack_from(f"{order}{count}{'f' if layout.sample_bytes == 4 else 'd'}", window))
    if layout.kind == "mulaw":
        return [_mulaw(byte) for byte in window]
    if layout.kind == "alaw":
        return [_alaw(byte) for byte in window]
    if layout.kind == "unsigned":
        return [byte - 128 for byte in window]
    top = layout.sample_bytes - 1 if layout.byte_order == "little" else 0  # of each, the two highest bytes suffice
    below = top - 1 if layout.byte_order == "little" else 1
    high = [byte - 256 if byte > 127 else byte for byte in window[top :: layout.sample_bytes]]
    if layout.sample_bytes == 1:
        return list(map(float, high))
    return [256.0 * a + b for a, b in zip(high, window[below :: layout.sample_bytes], strict=False)]


def _mulaw(byte: int) -> float:
    """ITU-T G.711, table 2a."""
    code = ~byte & 0xFF
    magnitude = ((code & 15) * 2 + 33 << (code >> 4 & 7)) - 33
    return -magnitude if code & 0x80 else magnitude


def _alaw(byte: int) -> float:
    """ITU-T G.711, table 1a."""
    code = byte ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = mantissa * 2 + 1 if exponent == 0 else mantissa * 2 + 33 << exponent - 1
    return magnitude if code & 0x80 else -magnitude
