"""Frames of MPEG audio and ADTS: how long each is, and whether a chain of them ends where the file ends."""

from __future__ import annotations

from collections.abc import Callable

from worker.domain.containers.structure import ReadAt
from worker.domain.containers.tags import before_tags

FrameBytes = Callable[[bytes], int | None]  # the length of the frame that begins with these bytes, or None

HEADER_BYTES = 7  # enough of a frame to know its length, in each of the formats
TAIL_BYTES = 65_536
_CHAIN = 4  # frames in a row that cannot be chance: a sync word of 11 bits alone comes every 2 kB of noise

_MPEG1_KBPS = {
    3: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2_KBPS = {
    3: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    1: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def mpeg_frame_bytes(header: bytes) -> int | None:
    """MPEG-1, 2 and 2.5 audio, layers I to III (ISO 11172-3, section 2.4.2.3)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate_index, rate_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 0 or bitrate_index in {0, 15} or rate_index == 3:
        return None
    bits_per_second = 1000 * (_MPEG1_KBPS if version == 3 else _MPEG2_KBPS)[layer][bitrate_index - 1]
    rate_hz, padding = _MPEG_RATES_HZ[version][rate_index], header[2] >> 1 & 1
    if layer == 3:
        return (12 * bits_per_second // rate_hz + padding) * 4
    samples_in_bytes = 72 if layer == 1 and version != 3 else 144
    return samples_in_bytes * bits_per_second // rate_hz + padding


def adts_frame_bytes(header: bytes) -> int | None:
    """AAC in ADTS (ISO 13818-7, section 6.2)."""
    if len(header) < HEADER_BYTES or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return None
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length >= HEADER_BYTES else None


def chain_begins(window: bytes, offset: int, frame_bytes: FrameBytes, *, frames: int = _CHAIN) -> bool:
    """Whether `frames` frames follow each other from `offset`; a window that ends sooner counts after two."""
    for number in range(frames):
        length = frame_bytes(window[offset : offset + HEADER_BYTES])
        if length is None:
            return number >= 2 and offset >= len(window) - HEADER_BYTES
        offset += length
    return True


def find_chain(window: bytes, frame_bytes: FrameBytes) -> int | None:
    """Where the first chain of frames begins."""
    offset = window.find(b"\xff")
    while offset != -1:
        if chain_begins(window, offset, frame_bytes):
            return offset
        offset = window.find(b"\xff", offset + 1)
    return None


def last_frame_is_cut(read_at: ReadAt, start: int, size: int, frame_bytes: FrameBytes) -> bool:
    """Whether the file ends within a frame. Tags behind the sound are no part of it, nor is padding."""
    end = before_tags(read_at, start, size)
    begin = max(start, end - TAIL_BYTES)
    window = read_at(begin, end - begin)
    offset = find_chain(window, frame_bytes)
    if offset is None:
        return False
    while length := frame_bytes(window[offset : offset + HEADER_BYTES]):
        offset += length
    # What is left is nothing, or padding, or the beginning of a header. A frame cut off overshoots.
    return offset > len(window) or (0 < len(window) - offset < HEADER_BYTES and window[offset] == 0xFF)
