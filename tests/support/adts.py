"""Frames of AAC in ADTS, with checksums where the encoder wrote none."""

from __future__ import annotations

from tests.support.sounds import run_ffmpeg, sound
from worker.domain.containers.adts import KIND


def crc_of(bits: str) -> int:
    """The CRC of 16 bits with the polynomial x^16 + x^15 + x^2 + 1. It begins with ones."""
    crc = 0xFFFF
    for bit in bits:
        crc = (crc << 1 ^ (0x8005 if (crc >> 15) ^ int(bit) else 0)) & 0xFFFF
    return crc


def bits_of(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def protected(frame: bytes, *, second_at: int | None = None, element_end: int | None = None, begin: int = 3) -> bytes:
    """The frame with a checksum, for one channel, or for a pair whose second channel begins with that bit.

    What is covered begins with the bit `begin` of the element, which is behind its name.
    """
    length = len(frame) + 2
    header = bytes((frame[0], frame[1] & 0xFE, frame[2], frame[3] & 0xFC | length >> 11, length >> 3 & 0xFF))
    header += bytes(((length & 7) << 5 | frame[5] & 31, frame[6]))
    element = bits_of(frame[7:])[:element_end]
    covered = bits_of(header) + element[begin : begin + 192].ljust(192, "0")
    if second_at is not None:
        covered += element[second_at : second_at + 128].ljust(128, "0")
    return header + crc_of(covered).to_bytes(2, "big") + frame[7:]


def frames_of(data: bytes) -> list[bytes]:
    found, offset = [], 0
    while offset < len(data):
        measured = KIND.measure(data, offset)
        assert measured is not None
        found.append(data[offset : offset + measured[0]])
        offset += measured[0]
    return found


def a_stream(channels: int) -> list[bytes]:
    """Frames of a real encoder, with checksums. Its second channel is taken to begin somewhere."""
    path = sound("plain.aac").with_name(f"checked-{channels}.aac")
    if not path.exists():
        run_ffmpeg("-i", str(sound("plain.aac")), "-ac", str(channels), str(path))
    frames = frames_of(path.read_bytes())[1:]  # the first has the encoder's name
    frames = [frame for frame in frames if len(frame) > 120]
    return [protected(frame, second_at=len(frame) * 3 if channels == 2 else None) for frame in frames]


def flipped(frame: bytes, bit: int) -> bytes:
    changed = bytearray(frame)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)
