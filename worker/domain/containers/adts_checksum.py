"""The checksum of a frame of AAC in ADTS (ISO 13818-7, section 6.2.1.2, `crc_check`), which ffmpeg does not compare.

It covers the header, the first 192 bits of the element of sound, and of a pair's second channel the first 128 bits,
with zeros for those that an element lacks. Where the second channel begins, only a decoder finds out. So all places
are tried: a frame is right if the checksum is that of one of them, which of damaged frames some 7 % are by chance.

A frame that cannot be compared is right: to silence good sound is worse than to miss damage. These are frames of more
than one element of sound, and those that may hold an element of data or of the program's configuration behind the
sound, which the checksum covers as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_POLYNOMIAL, _TOP, _ONES = 0x8005, 0x8000, 0xFFFF

_HEADER_BYTES = 7
_CRC_BYTES = 2
_FIRST_BITS, _SECOND_BITS = 192, 128
_SINGLE, _PAIR, _DATA, _FILL, _END = "000", "001", "100", "110", "111"
_ELEMENTS = {1: _SINGLE, 2: _PAIR}  # by the configuration of channels; the others have several
_NAME_BITS = 3
_SHORTEST_BYTES = 4  # of a single channel without sound
_SHORT_FILL_BITS, _LONG_FILL_BITS = 7, 15  # in front of its bytes
_LONG_FILL = 15  # then eight bits more count its bytes
_MAX_FILL_BYTES = 269
_DATA_BITS, _LONG_DATA_BITS = 16, 24
_LONG_DATA = 255  # then eight bits more count its bytes
_MAX_DATA_BYTES = 510
_MAX_FILLS = 16  # in front of the sound
_MAX_ENDS = 16  # places at which the sound may end, before elements that fill the frame up: six fill the longest one
_STARTS = (_NAME_BITS, 0)  # behind the element's name as the standard has it, or before it
_TRUSTED_AFTER = 8  # frames that differ
_RECENT = (1 << 100) - 1  # a bit for each of the last frames
_MAX_WRONG = 10  # of them
_MAX_BITS = 1 << 29  # compared in a file, which bounds the time
_SEARCH_BITS = 1 << 15  # comparing as many takes as long as finding all ends of an element


def _checksum_of_byte(byte: int) -> int:
    checksum = byte << 8
    for _ in range(8):
        checksum = checksum << 1 & _ONES ^ (_POLYNOMIAL if checksum & _TOP else 0)
    return checksum


_OF_BYTE = tuple(_checksum_of_byte(byte) for byte in range(256))


@dataclass(slots=True)
class _Trust:
    """What the frames with one fixed header have shown of their checksums."""

    starts: Sequence[int] = _STARTS  # none where the encoder writes other checksums
    seen: set[int] = field(default_factory=set)  # a hash of each right frame, up to as many as are needed


class Checksums:
    """Compares the checksums of the frames of one file.

    Where one of the first frames fails, the encoder is taken to compute them in another way. `is_off` is set where too
    many of the last frames fail: then the comparison is wrong, and not the frames.
    """

    def __init__(self) -> None:
        self.is_off = False
        self._trusts: dict[bytes, _Trust] = {}
        self._recent = 0
        self._bits_left = _MAX_BITS

    def is_right(self, block: bytes, begin: int, end: int) -> bool:
        """Whether the checksum of the frame between two offsets is right, or cannot be compared."""
        head = block[begin : begin + _HEADER_BYTES + _CRC_BYTES]
        has_one = not head[1] & 1 and not head[6] & 3  # a frame of several blocks has several checksums
        name = _element(head)
        if not has_one or name is None or self.is_off or end > len(block) or self._bits_left <= 0:
            return True
        trust = self._trusts.setdefault(bytes((head[1], head[2], head[3] & 0xF0)), _Trust())
        payload = block[begin + _HEADER_BYTES + _CRC_BYTES : end]
        if not trust.starts or len(payload) < _SHORTEST_BYTES:
            return True
        bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
        first = _behind_fill(bits)
        end = bits.rfind(_END, first + _NAME_BITS)
        if end == -1 or not bits.startswith(name, first):
            return True
        starts = self._right_starts(trust, head, bits, first, (end,))
        if not starts:
            self._bits_left -= _SEARCH_BITS
            ends = _ends(bits, first, end)
            starts = self._right_starts(trust, head, bits, first, ends)
            if not ends:
                return True
        return self._judge(trust, starts, payload)

    def _right_starts(self, trust: _Trust, head: bytes, bits: str, first: int, ends: Sequence[int]) -> Sequence[int]:
        self._bits_left -= len(bits) * len(ends) * len(trust.starts)
        return tuple(start for start in trust.starts if _matches(head, bits, first + start, ends))

    def _judge(self, trust: _Trust, starts: Sequence[int], payload: bytes) -> bool:
        if len(trust.seen) < _TRUSTED_AFTER:
            trust.starts = starts
            trust.seen.add(hash(payload))
            return True
        self._recent = (self._recent << 1 | (not starts)) & _RECENT
        self.is_off = self._recent.bit_count() > _MAX_WRONG
        return bool(starts)


def _element(head: bytes) -> str | None:
    """The name of the only element of sound in a frame; None where there are several."""
    return _ELEMENTS.get((head[2] & 1) << 2 | head[3] >> 6)


def _behind_fill(bits: str) -> int:
    """The bit at which the sound begins, behind elements that only fill up, such as one with the encoder's name.

    Where there are too many of these, it is the bit at which the next one begins.
    """
    offset = 0
    for _ in range(_MAX_FILLS):
        if not bits.startswith(_FILL, offset):
            break
        count, name_bits = int(bits[offset + 3 : offset + 7] or "0", 2), _SHORT_FILL_BITS
        if count == _LONG_FILL:
            count, name_bits = _LONG_FILL - 1 + int(bits[offset + 7 : offset + 15] or "0", 2), _LONG_FILL_BITS
        offset += name_bits + 8 * count
    return offset


def _matches(head: bytes, bits: str, start: int, ends: Sequence[int]) -> bool:
    """Whether the checksum in the frame's head is that of its element, which is covered from `start` on."""
    header = _after(_ONES, head[:_HEADER_BYTES])
    stated = int.from_bytes(head[_HEADER_BYTES:], "big")
    for end in ends:
        covered = int(bits[start : min(end, start + _FIRST_BITS)].ljust(_FIRST_BITS, "0"), 2)
        first = _after(header, covered.to_bytes(_FIRST_BITS // 8, "big"))
        if _element(head) == _PAIR:
            # Of a long element, what begins sooner was tried with the first end.
            since = start if end == ends[0] else max(start, end - _FIRST_BITS)
            if _has_stretch(bits[since:end], _after(first, bytes(_SECOND_BITS // 8)) ^ stated):
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


def _ends(bits: str, first: int, last: int) -> Sequence[int]:
    """Where the element of sound that begins at `first` may end: at `last`, or before what fills the frame up.

    Empty where data may follow on it, or where it may end at too many places.
    """
    found = [last]
    for end in found:  # which grows on the way
        if len(found) > _MAX_ENDS or _may_hold_data(bits, first, end):
            return ()
        found += [begin for begin in _fills_before(bits, first, end) if begin not in found]
    return found


def _fills_before(bits: str, first: int, end: int) -> Sequence[int]:
    """Where an element may begin that fills the frame up to `end`."""
    found = []
    for count in range(_MAX_FILL_BYTES + 1):
        is_long = count >= _LONG_FILL
        begin = end - 8 * count - (_LONG_FILL_BITS if is_long else _SHORT_FILL_BITS)
        if begin < first + _NAME_BITS:
            break
        if bits.startswith(_FILL, begin):
            counted = f"{_LONG_FILL:04b}{count - _LONG_FILL + 1:08b}" if is_long else f"{count:04b}"
            if bits.startswith(counted, begin + _NAME_BITS):
                found.append(begin)
    return found


def _may_hold_data(bits: str, first: int, end: int) -> bool:
    """Whether an element of data or of the program's configuration may end there.

    One that is aligned to bytes ends where a byte does, and cannot be told from the sound before it.
    """
    if end % 8 == 0:
        return True
    for count in range(_MAX_DATA_BYTES + 1):
        is_long = count >= _LONG_DATA
        begin = end - 8 * count - (_LONG_DATA_BITS if is_long else _DATA_BITS)
        if begin < first + _NAME_BITS:
            break
        if bits.startswith(_DATA, begin):  # then come four bits of a number, and one for whole bytes
            counted = f"0{_LONG_DATA:08b}{count - _LONG_DATA:08b}" if is_long else f"0{count:08b}"
            if bits.startswith(counted, begin + 7):
                return True
    return False


def _after(checksum: int, data: bytes) -> int:
    for byte in data:
        checksum = (checksum << 8 & _ONES) ^ _OF_BYTE[checksum >> 8 ^ byte]
    return checksum
