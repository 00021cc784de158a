"""Joining ALAC in MP4: its packets do not depend on each other, and the whole has an index of its own (ISO 14496-12).

AAC is not joined: what its encoder writes depends on all that came before (docs/decisions/splitting.md).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import ClassVar

from worker.domain.splitting.joiner import EncodedPiece, copied
from worker.domain.splitting.mp4_index import Index, joined_index
from worker.domain.splitting.packets import index_of, kept_packets

_MDAT_HEADER_BYTES = 8
_MAX_32_BITS = 0xFFFF_FFFF


class Mp4Joiner:
    """Joins pieces of ALAC in MP4, each of which has an index. All packets but the last hold `frame_samples`.

    In memory it keeps the size of each packet, which the index lists.
    """

    needs_last: ClassVar[bool] = False

    def __init__(self, frame_samples: int) -> None:
        self._frame_samples = frame_samples
        self._index = b""  # of the first piece
        self._media_at = 0
        self._sizes = array("I")
        self._samples = 0

    def add(self, piece: EncodedPiece) -> Iterator[bytes]:
        packets = kept_packets(piece, len(self._sizes))
        begin, (last, last_size) = packets[0][0], packets[-1]
        if not self._sizes:
            self._index, self._media_at = index_of(piece.read_at, piece.size), begin
            yield piece.read_at(0, begin)
        self._sizes.extend(size for _, size in packets)
        self._samples = piece.first_frame * self._frame_samples + piece.samples
        yield from copied(piece.read_at, begin, last + last_size)

    def finish(self) -> Iterator[bytes]:
        yield joined_index(self._index, Index(self._sizes, self._media_at, self._samples, self._frame_samples))

    def patches(self) -> list[tuple[int, bytes]]:
        return [media_header(self._media_at, sum(self._sizes))]


def media_header(media_at: int, size: int) -> tuple[int, bytes]:
    """The offset and the bytes of the header that states the media's length.

    A header with 64 bits begins earlier, in the empty box that is in front.
    """
    header_at, size = media_at - _MDAT_HEADER_BYTES, size + _MDAT_HEADER_BYTES
    if size <= _MAX_32_BITS:
        return header_at, size.to_bytes(4, "big")
    wide = (1).to_bytes(4, "big") + b"mdat" + (size + _MDAT_HEADER_BYTES).to_bytes(8, "big")
    return header_at - _MDAT_HEADER_BYTES, wide
