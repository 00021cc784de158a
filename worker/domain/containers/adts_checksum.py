"""The checksum of a frame of AAC in ADTS (ISO 13818-7, section 6.2.1.2, `crc_check`), which ffmpeg does not compare.

It covers the header, the first 192 bits of the element of sound, and of a pair's second channel the first 128 bits,
with zeros for those that an element lacks. Where the second channel begins, only a decoder finds out. So all places
are tried: a frame is right if the checksum is that of one of them, which of damaged frames some 7 % are by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_POLYNOMIAL, _TOP, _ONES = 0x8005, 0x8000, 0xFFFF

_HEADER_BYTES = 7
_CRC_BYTES = 2
_FIRST_BITS, _SECOND_BITS = 192, 128
_PAIR, _ELEMENTS = "001", {"000", "001", "011"}  # one channel, two, and that of low frequencies
_FILL, _END = "110", "111"
_LONG_FILL = 15  # then eight bits more count its bytes
_MAX_FILL_BYTES = 269
_NAME_BITS = 3
_STARTS = (_NAME_BITS, 0)  # behind the element's name as the standard has it, or before it
_TRUSTED_AFTER = 8  # frames in a row
_MAX_WRONG = 1000  # then the rest is taken for wrong as well, which bounds the time for a hostile file


def _checksum_of_byte(byte: int) -> int:
    checksum = byte << 8
    for _ in range(8):
        checksum = checksum << 1 & _ONES ^ (_POLYNOMIAL if checksum & _TOP else 0)
    return checksum


_OF_BYTE = tuple(_checksum_of_byte(byte) for byte in range(256))


class Checksums:
    """Compares those of one file. Where not all of its first frames have them right, its encoder writes others."""

    def __init__(self) -> None:
        self._starts: Sequence[int] = _STARTS
        self._right = 0
        self._wrong = 0

    def is_right(self, block: bytes, begin: int, end: int) -> bool:
        """Whether the frame between two offsets is, as far as its checksum can be compared."""
        has_one = not block[begin + 1] & 1 and not block[begin + 6] & 3  # several blocks have several
        if not has_one or not self._starts or end > len(block):
            return True
        if self._wrong > _MAX_WRONG:
            return False
        payload = block[begin + _HEADER_BYTES + _CRC_BYTES : end]
        bits = _behind_fill(f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}")
        if bits[:_NAME_BITS] not in _ELEMENTS:
            return True
        head = block[begin : begin + _HEADER_BYTES + _CRC_BYTES]
        starts = tuple(start for start in self._starts if _matches(head, bits, start))
        if self._right < _TRUSTED_AFTER:
            self._starts = starts
            self._right += 1
            return True
        self._wrong += not starts
        return bool(starts)


def _behind_fill(bits: str) -> str:
    """What follows on the bytes in front of the sound, such as the encoder's name."""
    while bits[:_NAME_BITS] == _FILL:
        count, name_bits = int(bits[3:7] or "0", 2), 7
        if count == _LONG_FILL:
            count, name_bits = _LONG_FILL - 1 + int(bits[7:15] or "0", 2), 15
        bits = bits[name_bits + 8 * count :]
    return bits


def _matches(head: bytes, bits: str, start: int) -> bool:
    """Whether the checksum in the frame's head is that of its element, of which `start` bits are not covered."""
    header = _after(_ONES, head[:_HEADER_BYTES])
    stated = int.from_bytes(head[_HEADER_BYTES:], "big")
    for end in _ends(bits):
        element = bits[start:end]
        covered = int(element[:_FIRST_BITS].ljust(_FIRST_BITS, "0"), 2)
        first = _after(header, covered.to_bytes(_FIRST_BITS // 8, "big"))
        if bits[:_NAME_BITS] == _PAIR:
            if _has_stretch(element, _after(first, bytes(_SECOND_BITS // 8)) ^ stated):
                return True
        elif first == stated:
            return True
    return False


def _has_stretch(element: str, checksum: int) -> bool:
    """Whether anywhere in it there are 128 bits with this checksum, counted from zero.

    All places are tried at once: bit by bit of the checksum, in a number that has a bit for each of them.
    """
    bits, register = int(element or "0", 2) << _SECOND_BITS, [0] * 16
    for behind in range(_SECOND_BITS):
        feedback = register.pop() ^ bits << behind
        register.insert(0, feedback)
        register[2] ^= feedback
        register[15] ^= feedback
    everywhere = ((1 << len(element)) - 1) << _SECOND_BITS
    other = 0
    for number, found in enumerate(register):
        other |= found ^ everywhere if checksum >> number & 1 else found
    return other & everywhere != everywhere


def _ends(bits: str) -> Iterator[int]:
    """Where the element of sound may end: before the end of the frame, or before what fills it up."""
    end = bits.rfind(_END)
    if end < 0:
        return
    yield end
    for count in range(_MAX_FILL_BYTES + 1):
        is_long = count >= _LONG_FILL
        name = _FILL + (f"{_LONG_FILL:04b}{count - _LONG_FILL + 1:08b}" if is_long else f"{count:04b}")
        begin = end - 8 * count - len(name)
        if begin > 0 and bits.startswith(name, begin):
            yield begin


def _after(checksum: int, data: bytes) -> int:
    for byte in data:
        checksum = (checksum << 8 & _ONES) ^ _OF_BYTE[checksum >> 8 ^ byte]
    return checksum
