"""WavPack (https://www.wavpack.com/WavPack5FileFormat.pdf)."""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.containers.behind import repairs_behind
from worker.domain.containers.structure import CUT_OFF, JOINED, ReadAt, Structure, damaged, range_to
from worker.domain.containers.tags import before_tags, behind_tags

_NAME = b"wvpk"
_HEADER_BYTES = 32
_MAX_BLOCKS = 1_000_000  # six days of half a second each; bounds the time for a hostile file of empty blocks
_UNKNOWN = 0xFFFF_FFFF
_FIRST_OF_ITS_TIME = 0x800  # blocks for further channels have the same time as the first
_RATES_HZ = (6000, 8000, 9600, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 192000)
_DSD = 0x8000_0000
# In the metadata of a block, six bits of the first byte are the kind. The others say how the length is stated.
_INTEGERS_INFO, _CHANNEL_INFO, _KIND_BITS, _LARGE = 0x09, 0x0D, 0x3F, 0x80
_LONG_COUNTS_BYTES, _LONGEST_SHORT_INFO_BYTES = 3, 5  # the counts of channels and streams stand before the mask
_MAX_CHANNEL_INFO_BYTES = 65_536
_WIDE_INTEGERS, _IS_LOSSY = 0x100, 0x08  # of the flags: the block has that information, and lacks the low bits
_INTEGERS_INFO_BYTES = 1024  # of a block, within which it stands: before the samples
# FFmpeg 9.0 computes another checksum of these than the format's tools, so damage could not be told.
_NOT_SUPPORTED = "WavPack of 32-bit integers whose lowest bits are all alike, with others apart, is not supported"


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the blocks hold the samples that the first one states."""
    end = before_tags(read_at, start, size)
    first = read_at(start, _HEADER_BYTES)
    if len(first) < _HEADER_BYTES:
        return Structure(start, end, problem=CUT_OFF)
    begin = int.from_bytes(first[16:20], "little")  # which a part that was cut out may keep
    offset, samples, is_gapless, has_split_bits = start, 0, True, False
    for _ in range(_MAX_BLOCKS):
        header = read_at(offset, _HEADER_BYTES)
        if len(header) < _HEADER_BYTES or not header.startswith(_NAME) or offset >= end:
            break
        flags = int.from_bytes(header[24:28], "little")
        if flags & _FIRST_OF_ITS_TIME:
            index = int.from_bytes(header[16:20], "little")
            if index == 0 and samples > 0:
                break  # of a second file
            is_gapless = is_gapless and index in {begin + samples & _UNKNOWN, _UNKNOWN}
            samples += int.from_bytes(header[20:24], "little")
        if not has_split_bits and flags & (_WIDE_INTEGERS | _IS_LOSSY) == _WIDE_INTEGERS:
            has_split_bits = _has_split_bits(read_at(offset, min(_INTEGERS_INFO_BYTES, _block_bytes(header))))
        offset += _block_bytes(header)
    if offset > end:
        return Structure(start, end, problem=CUT_OFF)
    low = int.from_bytes(first[12:16], "little")
    stated, is_stated = low + (first[11] << 32), low != _UNKNOWN
    problem = None
    if begin not in {0, _UNKNOWN} and not (is_stated and 0 < stated <= samples):
        problem = damaged("its first blocks are missing")  # only the first block states a length
    elif is_stated and samples < stated:
        is_cut = is_gapless and end - offset < _HEADER_BYTES
        problem = CUT_OFF if is_cut else damaged(f"of {stated} samples, {samples} are there")
    elif read_at(behind_tags(read_at, offset), len(_NAME)) == _NAME:
        problem = JOINED
    elif has_split_bits:
        problem = _NOT_SUPPORTED
    return Structure(
        start,
        offset,
        problem=problem,
        track_seconds=_seconds(first, stated if is_stated else samples),
        repairs=repairs_behind(read_at, offset, size),
        read_range=range_to(offset, size),
        names_positions=_names_positions(read_at(start, min(_MAX_CHANNEL_INFO_BYTES, _block_bytes(first)))),
    )


def _block_bytes(header: bytes) -> int:
    return 8 + int.from_bytes(header[4:8], "little")


def _names_positions(block: bytes) -> bool:
    """Whether the first block has a mask of positions, or no channels that need one ("Metadata Sub-Blocks")."""
    for kind, content in _metadata(block):
        if kind == _CHANNEL_INFO:
            return any(content[_LONG_COUNTS_BYTES if len(content) > _LONGEST_SHORT_INFO_BYTES else 1 :])
    return True


def _has_split_bits(block: bytes) -> bool:
    """Whether some low bits stand apart from the samples, and those below are all zeros, all ones or like the next."""
    for kind, content in _metadata(block):
        if kind == _INTEGERS_INFO:
            return bool(content[0:1].strip(b"\0") and content[1:4].strip(b"\0"))
    return False


def _metadata(block: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each piece of metadata of a block, as far as the bytes go."""
    offset = _HEADER_BYTES
    while offset + 4 <= len(block):
        kind, is_large = block[offset], block[offset] & _LARGE
        words = int.from_bytes(block[offset + 1 : offset + (4 if is_large else 2)], "little")
        begin = offset + (4 if is_large else 2)
        offset = begin + 2 * words
        yield kind & _KIND_BITS, block[begin : offset - (kind >> 6 & 1)]


def _seconds(first: bytes, samples: int) -> tuple[float, ...]:
    """The length in seconds; empty where the rate is not in the table, or counts bits."""
    flags = int.from_bytes(first[24:28], "little")
    rate_index = flags >> 23 & 15
    return () if rate_index >= len(_RATES_HZ) or flags & _DSD else (samples / _RATES_HZ[rate_index],)
