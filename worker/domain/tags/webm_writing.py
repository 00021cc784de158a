"""Writing chapters into the WebM of an output: behind all that is there, and named in its index of elements.

ffmpeg's WebM begins with a segment whose size has eight bytes. In it are a `SeekHead`, and a `Void` that leaves room
for more entries (libavformat/matroskaenc.c). Elements are those of RFC 9559.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from worker.domain.containers.ebml import VOID, Element, element_at
from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import ReadAt
from worker.domain.tags import matroska_embedded as matroska
from worker.domain.tags.chapters import Chapter

_EDITION_UID, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x45BC, 0x4DBB, 0x53AB, 0x53AC
_WIDE_BYTES = 8  # the bytes of a size that is written long where a shorter one would do


def chapters_behind(read_at: ReadAt, size: int, chapters: Sequence[Chapter]) -> Iterator[tuple[int, bytes]]:
    """What to write into the file, at an offset. Raises ValueError where it is not as ffmpeg writes it."""
    if not chapters:
        return
    reader = BlockReader(read_at)
    header = element_at(reader, 0)
    segment = element_at(reader, header.end) if header and header.end else None
    seek_head = element_at(reader, segment.body) if segment else None
    void = element_at(reader, seek_head.end) if seek_head and seek_head.end else None
    if (
        segment is None
        or seek_head is None
        or void is None
        or (segment.identifier, seek_head.identifier, void.identifier) != (matroska.SEGMENT, matroska.SEEK_HEAD, VOID)
        or segment.end != size
        or segment.body - segment.begin != 4 + _WIDE_BYTES
    ):
        raise ValueError("the elements of the WebM are not SeekHead, Void")
    written = _chapters(chapters)
    position = _number(_SEEK_ID, matroska.CHAPTERS) + _number(_SEEK_POSITION, size - segment.body)
    yield segment.begin, _index_with(reader, segment, seek_head, void, _element(_SEEK, position), len(written))
    yield size, written


def _index_with(
    reader: BlockReader, segment: Element, seek_head: Element, void: Element, entry: bytes, more_bytes: int
) -> bytes:
    """The header of the segment that grows by so many bytes, and its index with one more entry, in the old length."""
    end, end_of_head = void.end or void.body, seek_head.end or seek_head.body
    entries = reader.at(seek_head.body, end_of_head - seek_head.body) + entry
    index = _element(matroska.SEEK_HEAD, entries)
    rest = end - segment.body - len(index) - 1 - _WIDE_BYTES
    if rest < 0:
        raise ValueError("the SeekHead of the WebM has no place for one more entry")
    length = (segment.end or segment.body) - segment.body + more_bytes
    head = _identifier(matroska.SEGMENT) + _wide(length)
    return head + index + _identifier(VOID) + _wide(rest) + bytes(rest)


def _chapters(chapters: Sequence[Chapter]) -> bytes:
    atoms = b"".join(_atom(number, chapter) for number, chapter in enumerate(chapters, 1))
    edition = _number(_EDITION_UID, 1) + atoms
    return _element(matroska.CHAPTERS, _element(matroska.EDITION, edition))


def _atom(number: int, chapter: Chapter) -> bytes:
    content = _number(matroska.CHAPTER_UID, number)
    content += _number(matroska.TIME_START, round(chapter.start_seconds * matroska.NS))
    if chapter.end_seconds is not None:
        content += _number(matroska.TIME_END, round(chapter.end_seconds * matroska.NS))
    text = _element(matroska.TEXT, chapter.title.encode()) + _element(matroska.LANGUAGE, b"und")
    return _element(matroska.ATOM, content + _element(matroska.DISPLAY, text))


def _number(identifier: int, number: int) -> bytes:
    return _element(identifier, number.to_bytes(max(1, -(-number.bit_length() // 8)), "big"))


def _element(identifier: int, content: bytes) -> bytes:
    size = next(size for size in count(1) if len(content) < (1 << 7 * size) - 1)
    return _identifier(identifier) + (1 << 7 * size | len(content)).to_bytes(size, "big") + content


def _wide(length: int) -> bytes:
    return (1 << 7 * _WIDE_BYTES | length).to_bytes(_WIDE_BYTES, "big")


def _identifier(identifier: int) -> bytes:
    return identifier.to_bytes(identifier.bit_length() // 7, "big")  # one of n bytes has 7 n + 1 bits
