"""A waveform as a picture in PNG (https://www.w3.org/TR/png-3/)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE = bytes((255, 255, 255, 43, 108, 176))  # two colours: beside the waveform, and of the waveform
_TRANSPARENCY = bytes((0, 255))  # the page behind the picture shows beside the waveform
_BIT_DEPTH, _INDEXED = 8, 3
_BLOCK_BYTES = 65_536
_FULL_SCALE = 32_768


def to_png(extremes: Iterable[tuple[int, int]], length: int, width: int, height: int) -> Iterator[bytes]:
    """The file, in blocks.

    `extremes` are `length` pairs, from left to right: the lowest and the highest sample, in 16 bits. The memory that
    it takes depends on the picture's width and height alone.
    """
    yield _SIGNATURE
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, _BIT_DEPTH, _INDEXED, 0, 0, 0))
    yield _chunk(b"PLTE", _PALETTE)
    yield _chunk(b"tRNS", _TRANSPARENCY)
    packer, packed = zlib.compressobj(), bytearray()
    for row in _rows(_columns(extremes, length, width), height):
        packed += packer.compress(b"\0" + row)  # each row says that it is not filtered
        if len(packed) >= _BLOCK_BYTES:
            yield _chunk(b"IDAT", packed)
            packed.clear()
    yield _chunk(b"IDAT", packed + packer.flush())
    yield _chunk(b"IEND", b"")


def _columns(extremes: Iterable[tuple[int, int]], length: int, width: int) -> list[tuple[int, int]]:
    """The lowest and the highest sample of each column; a point that is wider than a column is in several."""
    lowest, highest = [_FULL_SCALE] * width, [-_FULL_SCALE] * width
    for number, (low, high) in enumerate(extremes):
        first = number * width // length
        for column in range(first, max(first + 1, (number + 1) * width // length)):
            lowest[column] = min(lowest[column], low)
            highest[column] = max(highest[column], high)
    return list(zip(lowest, highest, strict=True))


def _rows(columns: list[tuple[int, int]], height: int) -> Iterator[bytearray]:
    """The rows of pixels. A column is drawn from its highest sample to its lowest, and is at least one pixel high."""
    begins: list[list[int]] = [[] for _ in range(height)]
    ends: list[list[int]] = [[] for _ in range(height)]
    for column, (low, high) in enumerate(columns):
        begins[_row_of(high, height)].append(column)
        ends[_row_of(low, height)].append(column)
    row = bytearray(len(columns))
    for y in range(height):
        for column in begins[y]:
            row[column] = 1
        yield row
        for column in ends[y]:
            row[column] = 0


def _row_of(sample: int, height: int) -> int:
    """The row of a sample. Full scale is the height of the picture, and silence is its middle."""
    return min((_FULL_SCALE - sample) * height // (2 * _FULL_SCALE), height - 1)


def _chunk(kind: bytes, data: bytes | bytearray) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
