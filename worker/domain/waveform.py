"""Waveforms: the lowest and the highest sample of each short stretch of sound, to be drawn by a player.

The formats are those of audiowaveform, version 2:
https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from worker.domain.job import OutputSpec
from worker.domain.waveform_picture import to_png

Point = Sequence[int]  # the lowest and the highest sample of each channel in turn, in 16 bits

_VERSION = 2
_POINTS_PER_SECOND = 20
_BITS = 8
_WIDTH, _HEIGHT = 1800, 140
_POINTS_PER_COLUMN = 2  # of a picture
_MOST_POINTS_PER_SECOND = 1000
_POINTS_IN_A_BLOCK = 4096
_HIGH_BYTE = 256


@dataclass(frozen=True, slots=True)
class Waveform:
    """How a waveform is made and written. `width` and `height` are in pixels, of a picture."""

    extension: str  # of the target: it says which of the formats is written
    samples_per_point: int
    bits: int = _BITS
    width: int = _WIDTH
    height: int = _HEIGHT

    @property
    def picture_bytes(self) -> int:
        """The most bytes that a picture takes: one a pixel, before they are compressed. 0 for other forms."""
        return self.width * self.height if self.extension == "png" else 0

    def length(self, samples: int) -> int:
        """How many points the waveform of so many samples of each channel has; the last may cover fewer samples."""
        return math.ceil(samples / self.samples_per_point)

    def written(self, points: Iterable[Point], *, length: int, channels: int, rate_hz: int) -> Iterator[bytes]:
        """The file, in blocks. There are `length` points, of samples at `rate_hz`."""
        return _WRITERS[self.extension](self, points, length, channels, rate_hz)


def waveform_of(spec: OutputSpec, *, rate_hz: int, seconds: float | None) -> Waveform:
    """The waveform of sound at `rate_hz` that lasts `seconds`, as far as that is known.

    A point has a whole number of samples, so there may be more of them in a second than were asked for.
    """
    width = spec.width or _WIDTH
    points = spec.points_per_second or _POINTS_PER_SECOND
    if spec.extension == "png":
        columns = math.ceil(_POINTS_PER_COLUMN * width / seconds) if seconds else _MOST_POINTS_PER_SECOND
        points = min(max(columns, 1), _MOST_POINTS_PER_SECOND)
    return Waveform(
        spec.extension, max(1, rate_hz // points), spec.bits or _BITS, width=width, height=spec.height or _HEIGHT
    )


def _json(waveform: Waveform, points: Iterable[Point], length: int, channels: int, rate_hz: int) -> Iterator[bytes]:
    head = {
        "version": _VERSION,
        "channels": channels,
        "sample_rate": rate_hz,
        "samples_per_pixel": waveform.samples_per_point,
        "bits": waveform.bits,
        "length": length,
    }
    yield json.dumps(head, separators=(",", ":"))[:-1].encode() + b',"data":['
    comma = ""
    for block in _blocks(waveform, points):
        yield (comma + ",".join(map(str, block))).encode()
        comma = ","
    yield b"]}\n"


def _dat(waveform: Waveform, points: Iterable[Point], length: int, channels: int, rate_hz: int) -> Iterator[bytes]:
    is_8_bit = waveform.bits == _BITS
    yield struct.pack("<iIiiIi", _VERSION, is_8_bit, rate_hz, waveform.samples_per_point, length, channels)
    for block in _blocks(waveform, points):
        yield struct.pack(f"<{len(block)}{'b' if is_8_bit else 'h'}", *block)


def _png(waveform: Waveform, points: Iterable[Point], length: int, _channels: int, _rate_hz: int) -> Iterator[bytes]:
    """A picture of all channels in one: from the lowest of their samples to the highest."""
    extremes = ((min(point), max(point)) for point in points)
    return to_png(extremes, length, waveform.width, waveform.height)


_WRITERS: Mapping[str, Callable[[Waveform, Iterable[Point], int, int, int], Iterator[bytes]]] = {
    "json": _json,
    "dat": _dat,
    "png": _png,
}


def _blocks(waveform: Waveform, points: Iterable[Point]) -> Iterator[list[int]]:
    block = list[int]()
    for number, point in enumerate(points, start=1):
        block += point if waveform.bits > _BITS else map(_in_8_bits, point)
        if number % _POINTS_IN_A_BLOCK == 0:
            yield block
            block = []
    if block:
        yield block


def _in_8_bits(sample: int) -> int:
    """The sample in 8 bits, rounded towards zero as audiowaveform does it."""
    return int(sample / _HIGH_BYTE)
