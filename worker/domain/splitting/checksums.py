"""CRC-16 of bytes that are put together, from the checksums of their parts.

A checksum is a polynomial over GF(2) modulo P = x^16 + x^15 + x^2 + 1 (RFC 9639, section 9.3). Zeros behind bytes
multiply it by a power of x, and x^32767 is 1 modulo P, so that zeros can be taken away as well.
"""

from __future__ import annotations

from functools import cache

from worker.domain.containers.flac_frames import crc16

_POLYNOMIAL, _TOP = 0x18005, 1 << 15
_ORDER = 32_767
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def with_zeros(checksum: int, count: int) -> int:
    """The checksum of the same bytes with `count` zero bytes behind them. A negative `count` takes zeros away."""
    factor, product = _powers()[8 * count % _ORDER], 0
    while checksum:
        if checksum & 1:
            product ^= factor
        factor = _times_x(factor)
        checksum >>= 1
    return product


def reversed_crc16(data: bytes) -> int:
    """The checksum of the bytes, each with its bits in the other order. LAME's tag has the `reversed_bits` of it."""
    return crc16(data.translate(_REVERSED))


def reversed_bits(checksum: int) -> int:
    """Convert a checksum of `reversed_crc16` to the one in LAME's tag, or back."""
    return int.from_bytes(checksum.to_bytes(2, "little").translate(_REVERSED), "big")


@cache
def _powers() -> list[int]:
    powers = [1]
    while len(powers) < _ORDER:
        powers.append(_times_x(powers[-1]))
    return powers


def _times_x(value: int) -> int:
    return value << 1 ^ _POLYNOMIAL if value & _TOP else value << 1
