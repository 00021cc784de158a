"""AVI (Microsoft's RIFF, with the parts of 1 GB of the OpenDML extensions): chunks of sound and pictures in a list."""

from __future__ import annotations

import re

from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, ReadAt, Structure, damaged, range_to

_READ_BYTES = 16_384  # small, so that of a large picture only the header is read
_MAX_CHUNKS = 10_000_000
_MAX_PARTS = 1000  # of 1 GB each
_OPEN_SIZES = {0, 0xFFFF_FFFF}  # of a recorder that could not go back to its header
_LISTS = {b"RIFF", b"LIST"}
_NAME = re.compile(rb"[A-Za-z0-9_ ]{4}")
_DAMAGED = damaged("the chunks of the AVI file do not follow each other")


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether chunk follows chunk to the end of the last part."""
    reader = BlockReader(read_at, block_bytes=_READ_BYTES)
    offset = start
    for _ in range(_MAX_PARTS):
        header = reader.at(offset, 12)
        if len(header) < 12 or header[:4] != b"RIFF" or header[8:12] not in {b"AVI ", b"AVIX"}:
            break
        length = int.from_bytes(header[4:8], "little")
        end = size if length in _OPEN_SIZES else offset + 8 + length
        if end > size:
            return Structure(start, size, problem=CUT_OFF)
        if not _are_chunks(reader, offset + 12, end):
            return Structure(start, size, problem=CUT_OFF if length in _OPEN_SIZES else _DAMAGED)
        offset = end + length % 2 * (length not in _OPEN_SIZES)
    end = min(offset, size)
    return Structure(start, end, repairs=(BYTES_BEHIND,) if end < size else (), read_range=range_to(end, size))


def _are_chunks(reader: BlockReader, offset: int, end: int) -> bool:
    """Whether named chunks fill the place; lists are entered, and end where their parent allows."""
    ends = [end]
    for _ in range(_MAX_CHUNKS):
        while len(ends) > 1 and offset == ends[-1]:
            ends.pop()
        if offset >= ends[0] - 1:  # a byte of padding may follow
            return True
        header = reader.at(offset, 12)
        if len(header) < 8 or not _NAME.match(header):
            return False
        length = int.from_bytes(header[4:8], "little")
        if header[:4] in _LISTS and length not in _OPEN_SIZES:
            if not 4 <= length <= ends[-1] - offset - 8:
                return False
            ends.append(offset + 8 + length)
            offset += 12
        elif header[:4] in _LISTS:
            offset += 12
        else:
            offset = min(offset + 8 + length, ends[-1] + 1)
            if offset > ends[-1]:
                return False
            offset += _padding(reader, offset, ends[-1]) if length % 2 else 0
    return False


def _padding(reader: BlockReader, offset: int, end: int) -> int:
    """A chunk of an odd length has a byte of padding, which some writers leave out: the next chunk's name shows it."""
    if offset >= end:
        return 0
    is_left_out = _NAME.match(reader.at(offset, 4)) and not _NAME.match(reader.at(offset + 1, 4))
    return 0 if is_left_out else 1
