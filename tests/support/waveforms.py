"""Readers of waveforms and of their pictures, written from the descriptions of the formats alone.

https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md and https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from dataclasses import dataclass


@dataclass(frozen=True)
class Peaks:
    """What a file says. `points` has for each point the lowest and the highest sample of each channel in turn."""

    channels: int
    sample_rate: int
    samples_per_pixel: int
    bits: int
    points: list[list[int]]


def read_json(data: bytes) -> Peaks:
    found = json.loads(data)
    assert set(found) == {"version", "channels", "sample_rate", "samples_per_pixel", "bits", "length", "data"}
    assert found["version"] == 2
    each = 2 * found["channels"]
    assert len(found["data"]) == found["length"] * each
    points = [found["data"][begin : begin + each] for begin in range(0, len(found["data"]), each)]
    return Peaks(found["channels"], found["sample_rate"], found["samples_per_pixel"], found["bits"], points)


def read_dat(data: bytes) -> Peaks:
    version, flags, rate, samples_per_pixel, length, channels = struct.unpack_from("<iIiiIi", data)
    assert version == 2
    assert flags in {0, 1}
    bits = 8 if flags else 16
    values = [value for (value,) in struct.iter_unpack("<b" if flags else "<h", data[24:])]
    assert len(values) == length * channels * 2
    each = 2 * channels
    points = [values[begin : begin + each] for begin in range(0, len(values), each)]
    return Peaks(channels, rate, samples_per_pixel, bits, points)


def peaks_of(samples: array[int], channels: int, samples_per_pixel: int) -> list[list[int]]:
    """The points of interleaved samples, one by one."""
    points = []
    step = samples_per_pixel * channels
    for begin in range(0, len(samples), step):
        block = samples[begin : begin + step]
        points.append([bound(block[channel::channels]) for channel in range(channels) for bound in (min, max)])
    return points


def read_png(data: bytes) -> list[list[bool]]:
    """Which pixels are drawn, row by row."""
    assert data[:8] == bytes((137, 80, 78, 71, 13, 10, 26, 10))
    chunks, offset = list[tuple[bytes, bytes]](), 8
    while offset < len(data):
        (length,) = struct.unpack_from(">I", data, offset)
        kind, body = data[offset + 4 : offset + 8], data[offset + 8 : offset + 8 + length]
        assert struct.unpack_from(">I", data, offset + 8 + length) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        offset += 12 + length
    assert [chunks[0][0], chunks[-1][0]] == [b"IHDR", b"IEND"]
    width, height, depth, colour, *others = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, colour, others) == (8, 3, [0, 0, 0])
    assert len(dict(chunks)[b"PLTE"]) == 6
    pixels = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    assert len(pixels) == height * (width + 1)
    rows = [pixels[y * (width + 1) : (y + 1) * (width + 1)] for y in range(height)]
    assert {row[0] for row in rows} == {0}
    assert set(pixels) <= {0, 1}
    return [[value == 1 for value in row[1:]] for row in rows]
