"""Samples read from WAV without any converter: the one form in which every decoder's result is judged."""

from __future__ import annotations

import math
import struct
from array import array
from dataclasses import dataclass
from operator import mul

_FLOAT, _EXTENSIBLE = 3, 0xFFFE


@dataclass(frozen=True, slots=True)
class Pcm:
    """Interleaved little-endian samples: 16, 24 or 32 bits, or float of 32 bits."""

    rate_hz: int
    channels: int
    bytes_per_sample: int
    is_float: bool
    frames: bytes
    mask: int  # of the channels' positions; 0 where the header has none

    @property
    def samples(self) -> int:
        """How many samples each channel has."""
        return len(self.frames) // (self.bytes_per_sample * self.channels)

    @property
    def seconds(self) -> float:
        return self.samples / self.rate_hz

    def channel(self, number: int) -> array[int]:
        """One channel, by its number from 0, as samples of 16 bits: lower bits are left out."""
        if self.is_float:
            floats = array("f", self.frames[: self.samples * self.channels * 4])
            return array("h", (max(-32768, min(32767, round(x * 32768))) for x in floats[number :: self.channels]))
        stride = self.bytes_per_sample * self.channels
        high = self.bytes_per_sample * (number + 1)
        pcm = bytearray(2 * self.samples)
        pcm[0::2] = self.frames[high - 2 : self.samples * stride : stride]
        pcm[1::2] = self.frames[high - 1 : self.samples * stride : stride]
        return array("h", pcm)


def read_wav(data: bytes) -> Pcm:
    """Read a WAV. A size of 0 or beyond the end, as on a pipe, means the end. Raises ValueError where it is no WAV."""
    if data[:4] not in {b"RIFF", b"RF64"} or data[8:12] != b"WAVE":
        raise ValueError("no WAV")
    offset, header, mask = 12, None, 0
    while offset + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, offset)
        body = offset + 8
        if kind == b"fmt ":
            tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", data, body)
            if tag == _EXTENSIBLE:
                mask, tag = struct.unpack_from("<IH", data, body + 20)
            header = (rate_hz, channels, bits // 8, tag == _FLOAT)
        elif kind == b"data" and header is not None and all(header[:3]):
            return Pcm(*header, data[body : body + (size or len(data))], mask)
        offset = body + size + size % 2
    raise ValueError("a WAV without sound")


def level_db(samples: array[int]) -> float:
    """The root of the mean square, in dB below a full-scale square wave; -inf for silence."""
    energy = sum(map(mul, samples, samples))
    return 10 * math.log10(energy / len(samples) / 32768**2) if energy else -math.inf
