"""FLAC, byte by byte: headers of frames, and files of frames without any sound in them (RFC 9639)."""

from __future__ import annotations

from worker.domain.containers.flac_frames import crc16


def coded(number: int) -> bytes:
    """The number as UTF-8 would code it, up to 36 bits."""
    if number < 0x80:
        return bytes([number])
    length = next(length for length in range(2, 8) if number < 1 << (5 * length + 1))
    rest = [0x80 | number >> 6 * place & 0x3F for place in range(length - 1)]
    return bytes([(0xFF00 >> length & 0xFF) | number >> 6 * (length - 1), *reversed(rest)])


def crc8(data: bytes) -> int:
    """The CRC with the polynomial x^8 + x^2 + x + 1, bit by bit."""
    state = 0
    for bit in "".join(f"{byte:08b}" for byte in data):
        state = (state << 1 & 0xFF) ^ (0x07 if (state >> 7) ^ int(bit) else 0)
    return state


def header(
    size_code: int,
    rate_code: int,
    channels: int = 1,
    depth: int = 4,
    *,
    number: bytes = b"\0",
    stated: bytes = b"",
    second: int = 0xF8,
) -> bytes:
    data = bytes((0xFF, second, size_code << 4 | rate_code, channels << 4 | depth << 1)) + number + stated
    return data + bytes([crc8(data)])


def a_frame(number: int, content: bytes = b"content of a frame", *, rate_code: int = 9, second: int = 0xF8) -> bytes:
    """A frame of 4096 samples at 44.1 kHz, or at the rate of the code."""
    frame = header(12, rate_code, number=coded(number), second=second) + content
    return frame + crc16(frame).to_bytes(2, "big")


def a_flac(*frames: bytes, samples: int = 0, rate_hz: int = 44_100, block_size: int = 4096) -> bytes:
    """A file of these frames, with a block of padding behind the first block."""
    packed = (rate_hz << 44 | 1 << 41 | 15 << 36 | samples).to_bytes(8, "big")
    info = block_size.to_bytes(2, "big") * 2 + bytes(6) + packed + bytes(16)
    return b"fLaC\0\0\0\x22" + info + b"\x81\0\0\x07padding" + b"".join(frames)
