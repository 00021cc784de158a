"""How many samples the packets of Vorbis have (Vorbis I specification)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_MODE_BITS = 41  # whether its block is a long one, types of window and of transform, a mapping (section 4.2.4)
_TYPES_BITS, _MAPPING_AT, _MOST_MAPPINGS = 0xFFFF_FFFF << 1, 33, 64
_COUNT_BITS = 6
MODES_BYTES = 512  # of the end of a setup header: more than 64 modes take, which are as many as there can be


def blocks_of(setup_end: bytes, short: int, long: int) -> tuple[int, ...]:
    """The samples of a block by the number of its mode, from the end of the setup header. Empty where it has none.

    Modes stand at the end, behind their count. Nothing else says where they begin but all that is before, so they are
    read from the end, as FFmpeg does: both types of each are 0.
    """
    bits = int.from_bytes(setup_end, "little")
    at = bits.bit_length() - 1  # of the framing bit
    blocks, found = list[int](), tuple[int, ...]()
    while at >= _MODE_BITS + _COUNT_BITS:
        at -= _MODE_BITS
        mode = bits >> at & (1 << _MODE_BITS) - 1
        if mode & _TYPES_BITS or mode >> _MAPPING_AT >= _MOST_MAPPINGS:
            break
        blocks.insert(0, long if mode & 1 else short)
        if bits >> at - _COUNT_BITS & (1 << _COUNT_BITS) - 1 == len(blocks) - 1:
            found = tuple(blocks)
    return found


def samples_of(packets: Sequence[bytes], blocks: Sequence[int]) -> int:
    """How many samples a decoder makes of these packets, of each of which the first byte is needed (section 4.3.8).

    The first one makes none: a block is heard together with the one before. One that states no mode is passed over.
    """
    mask = (1 << (len(blocks) - 1).bit_length()) - 1
    modes = (packet[0] >> 1 & mask for packet in packets if packet and not packet[0] & 1)
    sizes = [blocks[mode] for mode in modes if mode < len(blocks)]
    return sum((before + size) // 4 for before, size in pairwise(sizes))
