"""DTS, a raw stream of frames in words of 16 bits, with or without DTS-HD's extensions (ETSI TS 102 114)."""

from __future__ import annotations

from worker.domain.containers.frames import Frame, FrameKind, frame_clock
from worker.domain.containers.stream import examine_stream
from worker.domain.containers.structure import ReadAt, Structure

_CORE, _EXTENSION = b"\x7f\xfe\x80\x01", b"\x64\x58\x20\x25"
_HEADER_BYTES = 12
_MIN_CORE_BYTES = 96
_RATES_HZ = {1: 8000, 2: 16000, 3: 32000, 6: 11025, 7: 22050, 8: 44100, 11: 12000, 12: 24000, 13: 48000} | {
    14: 96000,
    15: 192000,
}


def _measure(block: bytes, offset: int) -> Frame | None:
    header = block[offset : offset + _HEADER_BYTES]
    if header.startswith(_EXTENSION):
        return _extension(header)
    if not header.startswith(_CORE):
        return None
    blocks = ((header[4] & 1) << 6 | header[5] >> 2) + 1
    length = ((header[5] & 3) << 12 | header[6] << 4 | header[7] >> 4) + 1
    rate_hz = _RATES_HZ.get(header[8] >> 2 & 15)
    if blocks < 6 or length < _MIN_CORE_BYTES or rate_hz is None:
        return None
    return length, frame_clock(32 * blocks, rate_hz)


def _extension(header: bytes) -> Frame | None:
    """The frame of an extension of DTS-HD, which has the time of the core frame before it and adds none."""
    bits = int.from_bytes(header[5:12], "big")  # index, kind of size, size of the header, size of the whole
    is_wide = bits >> 53 & 1
    length = 1 + (bits >> 21 & 0xF_FFFF if is_wide else bits >> 29 & 0xFFFF)
    return (length, frame_clock(0, 1)) if length > _HEADER_BYTES else None


KIND = FrameKind(_CORE, _HEADER_BYTES, _measure)


def format_bits(block: bytes, offset: int) -> int:
    """Those of a header that say the rate and the channels, but for that of low frequencies."""
    return int.from_bytes(block[offset + 7 : offset + 9], "big") & 0x0FFC


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a frame, and nothing else lies between the frames."""
    return examine_stream(read_at, start, size, KIND)[0]
