"""The comments of Ogg: Vorbis (its specification, section 4.2), Opus (RFC 7845), FLAC and Speex."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from worker.domain.containers.ogg_pages import Page, page_checksum, pages
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.collecting import MAX_BYTES, Tags
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import read_block
from worker.domain.tags.vorbis import (
    chapters_of_comments,
    pictures_of_comments,
    read_comments,
    with_comments,
    with_picture,
)

_MAX_STREAMS = 8
_MAX_HEADER_BYTES = 16 * MAX_BYTES  # with pictures
_MAX_HEADER_PAGES = _MAX_HEADER_BYTES // 4080  # mutagen, and so most editors of tags, makes pages of no more
_MAX_SEGMENTS = 255
_MAX_FLAC_PACKETS = 20
_PICTURE_OF_FLAC = 6
_CONTINUED = 1
# How a packet of comments begins, or, for Speex and FLAC, the first packet of the stream.
_VORBIS, _OPUS = b"\x03vorbis", b"OpusTags"
_SPEEX, _FLAC = b"Speex   ", b"\x7fFLAC"


@dataclass(frozen=True, slots=True)
class OggFront:
    """The headers of an output with its fields, where its sound begins, and how its pages must be numbered anew."""

    prefix: bytes
    stop: int
    patches: Iterator[tuple[int, bytes]]  # what to write in the file, at an offset


def read_ogg(read_at: ReadAt, start: int) -> Tags:
    """The fields of the first audio stream in the file."""
    return read_comments(_comments(read_at, start))


def pictures_of_ogg(read_at: ReadAt, start: int) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each picture in the comments of the first audio stream.

    FLAC in Ogg may have them in packets of their own (RFC 9639, section 10.1).
    """
    yield from pictures_of_comments(_comments(read_at, start))
    first = next(pages(read_at, start), None)
    if first is not None and first.is_first and read_at(first.body, len(_FLAC)) == _FLAC:
        for packet in takewhile(_is_metadata, _packets(read_at, first, _MAX_FLAC_PACKETS)):
            if packet[0] & 0x7F == _PICTURE_OF_FLAC:
                yield read_block(packet[4:])


def chapters_of_ogg(read_at: ReadAt, start: int) -> Iterator[Chapter]:
    """The chapters of the first audio stream in the file."""
    return chapters_of_comments(_comments(read_at, start))


def _is_metadata(packet: bytes) -> bool:
    return packet[:1] not in {b"", b"\xff"}  # a frame begins with ones


def _comments(read_at: ReadAt, start: int) -> bytes:
    """The block of comments of the first audio stream in the file; empty where there is none."""
    first = next(pages(read_at, start), None)
    for _ in range(_MAX_STREAMS):
        if first is None or not first.is_first:
            break
        magic = read_at(first.body, 8)
        comment = next(iter(_packets(read_at, first, 1)), b"")
        if comment.startswith(_VORBIS):
            return comment[len(_VORBIS) :]
        if comment.startswith(_OPUS):
            return comment[len(_OPUS) :]
        if magic.startswith(_FLAC):
            return comment[4:]
        if magic == _SPEEX:
            return comment
        first = next(pages(read_at, first.end), None)  # of a video stream, say
    return b""


def _packets(read_at: ReadAt, first: Page, count: int) -> list[bytes]:
    return _headers(read_at, first, count)[0]


def _headers(read_at: ReadAt, first: Page, count: int) -> tuple[list[bytes], list[Page]]:
    """The next `count` packets of the stream behind its first page, and the pages that they are on."""
    packets, data, taken, length = [], bytearray(), [], 0
    for number, page in enumerate(pages(read_at, first.end)):
        if page.serial != first.serial:
            if number > _MAX_HEADER_PAGES:
                break
            continue
        taken.append(page)
        body, offset = read_at(page.body, page.end - page.body), 0
        for segment in page.lacing:
            data += body[offset : offset + segment]
            offset += segment
            if segment < _MAX_SEGMENTS:
                packets.append(bytes(data))
                data.clear()
        length += page.end - page.body
        if len(packets) >= count or length > _MAX_HEADER_BYTES or number > _MAX_HEADER_PAGES:
            break
    return packets, taken


def ogg_in_front(read_at: ReadAt, metadata: Metadata) -> OggFront | None:
    """The headers of an output of Vorbis or Opus; None where its headers are not as they should be."""
    first = next(pages(read_at, 0), None)
    if first is None:
        return None
    is_vorbis = read_at(first.body, 7) == b"\x01vorbis"
    magic, count = (_VORBIS, 2) if is_vorbis else (_OPUS, 1)
    packets, taken = _headers(read_at, first, count)
    if len(packets) != count or taken[-1].is_unfinished or not packets[0].startswith(magic):
        return None
    block = with_comments(packets[0][len(magic) :], metadata)
    if metadata.cover:
        block = with_picture(block, metadata.cover)
    comments = magic + block + (b"\x01" if is_vorbis else b"")
    written = list(_pages_of([comments, *packets[1:]], first.serial, len(taken)))
    shift, stop = len(written) - len(taken), taken[-1].end
    return OggFront(
        read_at(0, first.end) + b"".join(written), stop, _numbered_anew(read_at, stop, shift) if shift else iter(())
    )


def _pages_of(packets: list[bytes], serial: int, at_least: int) -> Iterator[bytes]:
    """Pages of these packets, from number 1 on, at least so many: then the pages behind them keep their numbers."""
    lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    data = b"".join(packets)
    count = max(at_least, -(-len(lacing) // _MAX_SEGMENTS))
    offset = 0
    for number in range(count):
        begin, end = (len(lacing) * each // count for each in (number, number + 1))
        segments = lacing[begin:end]
        is_continued = lacing[begin - 1 : begin] == b"\xff"
        has_end = any(segment < 255 for segment in segments)
        body = data[offset : offset + sum(segments)]
        offset += len(body)
        flags, granule = (_CONTINUED if is_continued else 0), (0 if has_end else -1)
        head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, number + 1, 0, len(segments))
        page = head + segments + body
        yield page[:22] + page_checksum(page).to_bytes(4, "little") + page[26:]


def _numbered_anew(read_at: ReadAt, start: int, shift: int) -> Iterator[tuple[int, bytes]]:
    for page in pages(read_at, start):
        data = read_at(page.begin, page.end - page.begin)
        number = (page.number + shift).to_bytes(4, "little")
        checksum = page_checksum(data[:18] + number + data[22:]).to_bytes(4, "little")
        yield page.begin + 18, number + checksum
