"""The pages of an Ogg file (RFC 3533, section 6), each checked by its CRC."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import ReadAt

CAPTURE = b"OggS"
_HEADER = struct.Struct("<4sBBqIIIB")
_CONTINUED, _FIRST, _LAST = 1, 2, 4
# A page costs 5 µs. More pages than 24 hours of one packet of 20 ms each are not read.
MAX_PAGES = 4_400_000
_MAX_FAILED_PAGES = 1_000  # each costs up to 64 kB of CRC; a hostile file has one every 4 bytes
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFF_FFFF


class Page(NamedTuple):
    """A page whose CRC is right. `granule` is -1 where no packet ends on it; its unit is the codec's."""

    begin: int
    end: int
    flags: int
    granule: int
    serial: int
    number: int
    lacing: bytes
    body: int  # the offset of its first packet

    @property
    def is_continued(self) -> bool:
        """Whether its first packet began on the page before."""
        return bool(self.flags & _CONTINUED)

    @property
    def is_first(self) -> bool:
        return bool(self.flags & _FIRST)

    @property
    def is_last(self) -> bool:
        return bool(self.flags & _LAST)

    @property
    def is_unfinished(self) -> bool:
        """Whether its last packet goes on in the next page."""
        return self.lacing.endswith(b"\xff")


def pages(read_at: ReadAt, start: int) -> Iterator[Page]:
    """The pages whose CRC is right, in their order. What lies between them is skipped.

    Ends after MAX_PAGES pages, and where too many places look like a page and are none.
    """
    reader = BlockReader(read_at)
    offset, failed = start, 0
    for _ in range(MAX_PAGES):
        while (page := _page_at(reader, offset)) is None:
            failed += reader.at(offset, 4) == CAPTURE
            found = reader.find(CAPTURE, offset + 1)
            if found is None or failed > _MAX_FAILED_PAGES:
                return
            offset = found
        yield page
        offset = page.end


def _page_at(reader: BlockReader, offset: int) -> Page | None:
    header = reader.at(offset, _HEADER.size)
    if len(header) < _HEADER.size:
        return None
    capture, version, flags, granule, serial, number, checksum, segments = _HEADER.unpack(header)
    if capture != CAPTURE or version:
        return None
    lacing = reader.at(offset + _HEADER.size, segments)
    body = offset + _HEADER.size + segments
    end = body + sum(lacing)
    data = reader.at(offset, end - offset)
    if len(data) != end - offset or page_checksum(data) != checksum:
        return None
    return Page(offset, end, flags, granule, serial, number, lacing, body)


def page_checksum(page: bytes) -> int:
    """The CRC of a page, its own field taken as zero.

    It is computed with zlib's CRC-32, which takes the bits of each byte in the other order, begins with ones and
    inverts the result. That is fast: half a gigabyte a second.
    """
    state = zlib.crc32(page[:22].translate(_REVERSED), _ALL_ONES)
    state = zlib.crc32(bytes(4), state)
    state = zlib.crc32(page[26:].translate(_REVERSED), state) ^ _ALL_ONES
    return int.from_bytes(state.to_bytes(4, "little").translate(_REVERSED), "big")
