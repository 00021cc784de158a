"""Reading the chapters and the pictures of Matroska and WebM (RFC 9559, sections 5.1.6 and 5.1.7).

The readers of whole files raise nothing, whatever the bytes are; `inside` and `BoundedReader` raise DamagedError.
"""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.containers.ebml import DamagedError, Element, children, element_at, unsigned
from worker.domain.containers.reading import BLOCK_BYTES, BlockReader
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.chapters import MAX_TITLE_BYTES, Chapter
from worker.domain.tags.pictures import FRONT_COVER, MAX_PICTURE_BYTES

CHAPTERS, EDITION, ATOM, DISPLAY = 0x1043A770, 0x45B9, 0xB6, 0x80
CHAPTER_UID, TIME_START, TIME_END, TEXT, LANGUAGE = 0x73C4, 0x91, 0x92, 0x85, 0x437C
SEGMENT, SEEK_HEAD = 0x18538067, 0x114D9B74
MAX_TEXT_BYTES = 4 << 20  # so much is read of tags or chapters, heads of elements included
NS = 1_000_000_000  # of a second
_ORDERED, _HIDDEN = 0x45DD, 0x98
_ATTACHMENTS, _ATTACHED, _FILE_NAME, _FILE_DATA = 0x1941A469, 0x61A7, 0x466E, 0x465C
_MAX_IN_SEGMENT = 100_000
_MAX_IN_CHAPTERS = 10_000
_MAX_READS = 200_000
_MAX_PICTURES_BYTES = 64 << 20
_HEADER_READ_BYTES = 64


class BoundedReader(BlockReader):
    """Raises DamagedError once too much has been asked for: elements within elements may be millions."""

    def __init__(self, read_at: ReadAt, most_bytes: int, *, block_bytes: int = BLOCK_BYTES) -> None:
        super().__init__(read_at, block_bytes=block_bytes)
        self._reads, self._bytes = _MAX_READS, most_bytes

    def at(self, offset: int, size: int) -> bytes:
        self._reads, self._bytes = self._reads - 1, self._bytes - size
        if self._reads < 0 or self._bytes < 0:
            raise DamagedError
        return super().at(offset, size)


def chapters_of_matroska(read_at: ReadAt, start: int, size: int) -> Iterator[Chapter]:
    """The chapters of the first edition that is played from its beginning to its end."""
    reader = BoundedReader(read_at, MAX_TEXT_BYTES)
    try:
        for element in in_segment(read_at, start, size, CHAPTERS):
            for edition in inside(reader, element, EDITION):
                if not any(unsigned(reader, flag) for flag in inside(reader, edition, _ORDERED)):
                    yield from _of_edition(reader, edition)
                    return
    except DamagedError:
        return


def pictures_of_matroska(read_at: ReadAt, start: int, size: int) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each attached file; one named `cover` is the front cover (RFC 9559, section 21)."""
    reader = BoundedReader(read_at, _MAX_PICTURES_BYTES, block_bytes=_HEADER_READ_BYTES)
    try:
        for element in in_segment(read_at, start, size, _ATTACHMENTS):
            for attached in inside(reader, element, _ATTACHED):
                name = next((content(reader, each, 1000) for each in inside(reader, attached, _FILE_NAME)), b"")
                for data in inside(reader, attached, _FILE_DATA):
                    kind = FRONT_COVER if name.lower().startswith(b"cover.") else 0
                    yield kind, content(reader, data, MAX_PICTURE_BYTES)
    except DamagedError:
        return


def _of_edition(reader: BlockReader, edition: Element) -> Iterator[Chapter]:
    for atom in inside(reader, edition, ATOM):
        if any(unsigned(reader, flag) for flag in inside(reader, atom, _HIDDEN)):
            continue
        begin, end = (
            next((unsigned(reader, time) / NS for time in inside(reader, atom, kind)), None)
            for kind in (TIME_START, TIME_END)
        )
        titles = (text for display in inside(reader, atom, DISPLAY) for text in inside(reader, display, TEXT))
        title = next((content(reader, text, MAX_TITLE_BYTES) for text in titles), b"")
        yield Chapter(begin or 0.0, title.rstrip(b"\0").decode("utf-8", "replace"), end)


def in_segment(read_at: ReadAt, start: int, size: int, *kinds: int) -> Iterator[Element]:
    """The elements of these kinds in the first segment, as far as their sizes lead from one to the next."""
    reader = BlockReader(read_at, block_bytes=_HEADER_READ_BYTES)
    offset: int | None = start
    for _ in range(_MAX_IN_SEGMENT):
        element = element_at(reader, offset) if offset is not None and offset < size else None
        if element is None:
            return
        if element.identifier in kinds and element.end is not None and element.end <= size:
            yield element
        offset = element.body if element.identifier == SEGMENT else element.end


def inside(reader: BlockReader, parent: Element, kind: int) -> list[Element]:
    """The elements of a kind within the parent. Raises DamagedError where those within do not fit into it."""
    within = children(reader, parent.body, parent.end or parent.body, most=_MAX_IN_CHAPTERS)
    return [element for element in within if element.identifier == kind]


def content(reader: BlockReader, element: Element, most: int) -> bytes:
    """The content of an element; empty where it is longer than `most` bytes."""
    length = (element.end or element.body) - element.body
    return reader.at(element.body, length) if length <= most else b""
