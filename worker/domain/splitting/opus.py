"""Joining Ogg Opus: packets of 20 ms on pages of our own (RFC 3533, section 6, and RFC 7845, section 4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import ClassVar

from worker.domain.containers.ogg_pages import Page, page_checksum, pages
from worker.domain.splitting.joiner import EncodedPiece, JoinError

_SAMPLES = 960  # of a packet of 20 ms, on the clock of 48 kHz that all streams of Opus have
_PACKETS_OF_A_PAGE = 50  # a second, as ffmpeg writes them
_MOST_SEGMENTS = 255
_HEADERS = 2  # packets
_PRE_SKIP = 10  # its offset in the first of them
_CLOCK_HZ = 48_000
_LAST = 4


class OpusJoiner:
    """Joins pieces of Ogg Opus, with the headers of the first one. `rate_hz` is the rate of `EncodedPiece.samples`.

    The end is stated exactly: the one that ffmpeg states is sometimes a sample too early.
    """

    needs_last: ClassVar[bool] = False

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._pre_skip = 0
        self._serial = 0
        self._page_number = 0
        self._packets = 0  # that are kept
        self._lacing = bytearray()
        self._data = bytearray()
        self._on_page = 0
        self._last_granule = 0

    def add(self, piece: EncodedPiece) -> Iterator[bytes]:
        is_first, headers = self._page_number == 0, 0
        frame = piece.first_frame
        for page in pages(piece.read_at, 0):
            if page.is_unfinished:
                raise JoinError("a packet of a piece goes on on the next page")
            body = piece.read_at(page.body, page.end - page.body)
            if headers < _HEADERS:
                headers += 1
                if is_first:
                    self._serial, self._page_number = page.serial, page.number + 1
                    self._pre_skip = self._pre_skip or int.from_bytes(body[_PRE_SKIP : _PRE_SKIP + 2], "little")
                    yield piece.read_at(page.begin, page.end - page.begin)
                continue
            for packet in _packets(page, body):
                if piece.begin_frame <= frame and (piece.end_frame is None or frame < piece.end_frame):
                    yield from self._put(packet, frame)
                frame += 1
        samples = piece.samples * _CLOCK_HZ // self._rate_hz
        self._last_granule = self._pre_skip + piece.first_frame * _SAMPLES + samples
        if piece.end_frame is not None and frame < piece.end_frame:
            raise JoinError("a piece does not have as many packets as it should")

    def finish(self) -> Iterator[bytes]:
        if not self._packets * _SAMPLES - _SAMPLES < self._last_granule <= self._packets * _SAMPLES:
            raise JoinError("the end of the last piece is not where it should be")
        yield self._page(self._last_granule, _LAST)

    def patches(self) -> list[tuple[int, bytes]]:
        return []

    def _put(self, packet: bytes, frame: int) -> Iterator[bytes]:
        if frame != self._packets:
            raise JoinError("a piece does not begin where the last one ended")
        lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
        if self._on_page == _PACKETS_OF_A_PAGE or len(self._lacing) + len(lacing) > _MOST_SEGMENTS:
            yield self._page(self._packets * _SAMPLES, 0)
        self._lacing += lacing
        self._data += packet
        self._on_page += 1
        self._packets += 1

    def _page(self, granule: int, flags: int) -> bytes:
        head = struct.pack(
            "<4sBBqIIIB", b"OggS", 0, flags, granule, self._serial, self._page_number, 0, len(self._lacing)
        )
        page = head + self._lacing + self._data
        self._page_number += 1
        self._lacing.clear()
        self._data.clear()
        self._on_page = 0
        return page[:22] + page_checksum(page).to_bytes(4, "little") + page[26:]


def _packets(page: Page, body: bytes) -> Iterator[bytes]:
    begin = end = 0
    for segment in page.lacing:
        end += segment
        if segment < _MOST_SEGMENTS:
            yield body[begin:end]
            begin = end
