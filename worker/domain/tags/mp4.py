"""Reading the item list of MP4 (`moov/udta/meta/ilst`).

Nothing is raised, whatever the bytes are. Its atoms are those of iTunes and of QuickTime's metadata
(https://developer.apple.com/documentation/quicktime-file-format/metadata_atoms_and_types).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from worker.domain.containers.mp4 import top_boxes
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.collecting import MAX_VALUE_BYTES, Collector, Tags
from worker.domain.tags.fields import FIELDS
from worker.domain.tags.genres import genre_name
from worker.domain.tags.pictures import FRONT_COVER, MAX_PICTURE_BYTES

_MAX_ITEMS = 2_000
_MAX_READS = 20_000
_MAX_READ_BYTES = 1 << 24
_FREEFORM, _GENRE, COVER = b"----", b"gnre", b"covr"
_UTF_8, _UTF_16 = 1, 2
NUMBERS = {"tmpo": 2, "cpil": 1, "pcst": 1, "pgap": 1, "©mvi": 2, "©mvc": 2}  # bytes of each
PAIRS = {"trkn": 8, "disk": 6}
ATOMS = {field.mp4.encode("latin-1"): field for field in FIELDS.values() if len(field.mp4.encode("latin-1")) == 4}


class Box(NamedTuple):
    """A box within another: the offsets of its content and of its end."""

    kind: bytes
    begin: int
    end: int


def read_mp4(read_at: ReadAt, size: int) -> Tags:
    """The fields of the file; none where it has other kinds of tags than an item list."""
    collector = Collector()
    read_at = bounded(read_at)
    _collect(read_at, _item_lists(read_at, size), collector)
    return collector.tags


def pictures_of_mp4(read_at: ReadAt, size: int) -> Iterator[tuple[int, bytes]]:
    """The pictures of the item list, of which the first is the cover."""
    in_bounds = bounded(read_at)
    for item in (item for each in _item_lists(in_bounds, size) for item in boxes(in_bounds, each.begin, each.end)):
        if item.kind == COVER:
            for part in boxes(in_bounds, item.begin, item.end):
                if part.kind == b"data" and part.end - part.begin <= 8 + MAX_PICTURE_BYTES:
                    yield FRONT_COVER, read_at(part.begin + 8, part.end - part.begin - 8)


def _item_lists(read_at: ReadAt, size: int) -> list[Box]:
    lists: list[Box] = []
    moov = index_of(read_at, size)
    for meta in within(read_at, moov, b"udta", b"meta") if moov else ():
        children = list(boxes(read_at, meta.begin + 4, meta.end))
        if not any(_is_quicktime(read_at, box) for box in children):
            lists += [box for box in children if box.kind == b"ilst"]
    return lists


def index_of(read_at: ReadAt, size: int) -> Box | None:
    """The first box `moov` of a file."""
    top = next((box for box in top_boxes(read_at, size) if box.kind == b"moov"), None)
    return None if top is None else Box(b"moov", top.start + 8, min(top.stop, size))


def bounded(read_at: ReadAt) -> ReadAt:
    """A reader of the file that reads nothing more once too much was read: boxes within boxes may be millions."""
    reads, total = 0, 0

    def read(offset: int, size: int) -> bytes:
        nonlocal reads, total
        reads, total = reads + 1, total + size
        return read_at(offset, size) if reads <= _MAX_READS and total <= _MAX_READ_BYTES else b""

    return read


def _is_quicktime(read_at: ReadAt, box: Box) -> bool:
    """Whether the items are QuickTime's, which have numbers, and their names elsewhere."""
    return box.kind == b"hdlr" and read_at(box.begin + 8, 4) == b"mdta"


def within(read_at: ReadAt, box: Box, *path: bytes) -> Iterator[Box]:
    """The boxes at the end of a path of kinds below `box`."""
    if not path:
        yield box
        return
    for child in boxes(read_at, box.begin, box.end):
        if child.kind == path[0]:
            yield from within(read_at, child, *path[1:])


def boxes(read_at: ReadAt, offset: int, end: int) -> Iterator[Box]:
    """The boxes that follow each other between two offsets, as far as they are proper ones."""
    for _ in range(_MAX_ITEMS):
        header = read_at(offset, 8) if offset + 8 <= end else b""
        length = int.from_bytes(header[:4], "big")
        if len(header) < 8 or length < 8 or offset + length > end:
            return
        yield Box(header[4:], offset + 8, offset + length)
        offset += length


def _collect(read_at: ReadAt, lists: list[Box], collector: Collector) -> None:
    for item in (item for each in lists for item in boxes(read_at, each.begin, each.end)):
        if item.kind not in {_FREEFORM, _GENRE, *ATOMS}:
            continue  # a picture, say
        parts = list(boxes(read_at, item.begin, item.end))
        values = [_data(read_at, part) for part in parts if part.kind == b"data"]
        if item.kind == _FREEFORM:
            name = next((read_at(part.begin + 4, part.end - part.begin - 4) for part in _named(parts)), b"")
            collector.add(name.decode("utf-8", "replace"), *map(_text, values))
        elif item.kind == _GENRE:
            numbers = [int.from_bytes(content, "big") for _, content in values]
            collector.add("GENRE", *(genre_name(number - 1, "") for number in numbers if number))
        elif field := ATOMS.get(item.kind):
            collector.add(field.name, *(_value(field.mp4, kind, content) for kind, content in values))


def _named(parts: list[Box]) -> list[Box]:
    return [part for part in parts if part.kind == b"name" and part.end - part.begin <= 256]


def _data(read_at: ReadAt, part: Box) -> tuple[int, bytes]:
    """The type of a value and its bytes; no bytes where it is too long."""
    length = part.end - part.begin
    content = read_at(part.begin, length) if length <= 8 + MAX_VALUE_BYTES else b""
    return int.from_bytes(content[1:4], "big"), content[8:]


def _value(atom: str, kind: int, content: bytes) -> str:
    if atom in PAIRS:
        number, total = (int.from_bytes(content[begin : begin + 2], "big") for begin in (2, 4))
        return f"{number or ''}/{total or ''}"
    if atom in NUMBERS:
        number = int.from_bytes(content, "big") if len(content) <= 8 else 0
        return str(number) if number else ""
    return _text((kind, content))


def _text(value: tuple[int, bytes]) -> str:
    kind, content = value
    if kind == _UTF_16:
        return content[: len(content) & ~1].decode("utf-16-be", "replace")
    return content.decode("utf-8", "replace") if kind in {0, _UTF_8} else ""
