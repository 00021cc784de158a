"""AAC in ADTS, a raw stream of frames (ISO 13818-7, section 6.2)."""

from __future__ import annotations

from collections.abc import Callable

from worker.domain.containers.adts_checksum import Checksums
from worker.domain.containers.format_changes import Formats, in_parts
from worker.domain.containers.frames import Frame, FrameKind, frame_clock
from worker.domain.containers.stream import examine_stream
from worker.domain.containers.structure import ReadAt, Structure

_HEADER_BYTES = 7
_LONGEST_FRAME_BYTES = 8191
_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_BLOCK_SAMPLES = 1024
# A block of AAC-LC without a single coefficient, for each configuration of channels (ISO 14496-3, table 1.19). It is
# no longer than the shortest sound.
_SILENCE = {
    1: bytes.fromhex("00c800802380"),
    2: bytes.fromhex("210004608c1c"),
    3: bytes.fromhex("00c8008020840011823070"),
    4: bytes.fromhex("00c800802084001182300164004011c0"),
    5: bytes.fromhex("00c8008020840011823011800230460e"),
    6: bytes.fromhex("00c800802084001182301180023046060c80080238"),
    7: bytes.fromhex("00c8008020840011823011800230460250004608c0c190010047"),
}

_CLOCKS = {
    bytes((0xFF, first, second)): tuple(
        frame_clock(_BLOCK_SAMPLES * blocks, _RATES_HZ[second >> 2 & 15]) for blocks in range(1, 5)
    )
    for first in (0xF0, 0xF1, 0xF8, 0xF9)
    for second in range(0x100)
    if second >> 2 & 15 < len(_RATES_HZ)
}


def _measure(block: bytes, offset: int) -> Frame | None:
    clocks = _CLOCKS.get(block[offset : offset + 3])
    length = int.from_bytes(block[offset + 3 : offset + 6], "big") >> 5 & 0x1FFF
    if clocks is None or length < _HEADER_BYTES:
        return None
    return length, clocks[block[offset + 6] & 3]


KIND = FrameKind(b"\xff", _HEADER_BYTES, _measure)


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a frame, and what is damaged between the frames."""
    checksums = Checksums()
    structure = _examine(read_at, start, size, checksums.is_right)
    return _examine(read_at, start, size, lambda *_: True) if checksums.is_off else structure


def _examine(
    read_at: ReadAt, start: int, size: int, has_right_checksum: Callable[[bytes, int, int], bool]
) -> Structure:
    formats = Formats(KIND, format_bits)

    def is_right(block: bytes, begin: int, end: int) -> bool:
        return formats.is_right(block, begin, end) and has_right_checksum(block, begin, end)

    kind = KIND._replace(is_right=is_right)
    structure, chain = examine_stream(read_at, start, size, kind, silent_frame=_silent_frame, stretched=_stretched)
    return in_parts(structure, chain, read_at, kind, format_bits)


def format_bits(block: bytes, offset: int) -> int:
    """Those of a header that say the rate and the channels."""
    return int.from_bytes(block[offset + 2 : offset + 4], "big") & 0x3DC0


def _silent_frame(header: bytes, most_bytes: int) -> bytes | None:
    block = _SILENCE.get((header[2] & 1) << 2 | header[3] >> 6)
    length = min(most_bytes, _LONGEST_FRAME_BYTES)
    if block is None or _HEADER_BYTES + len(block) > length:
        return None
    bits = (header[0], header[1] | 1, header[2], header[3] & 0xC0 | length >> 11, length >> 3 & 0xFF)
    return bytes((*bits, (length & 7) << 5 | 0x1F, 0xFC)) + block.ljust(length - _HEADER_BYTES, b"\0")


def _stretched(header: bytes, more: int) -> bytes | None:
    """The header of a frame with `more` bytes behind its last element, where a frame may have any.

    None where the frame would be too long.
    """
    length = (int.from_bytes(header[3:6], "big") >> 5 & _LONGEST_FRAME_BYTES) + more
    if length > _LONGEST_FRAME_BYTES:
        return None
    packed = int.from_bytes(header[3:6], "big") & ~(_LONGEST_FRAME_BYTES << 5) | length << 5
    return header[:3] + packed.to_bytes(3, "big") + header[6:_HEADER_BYTES]
