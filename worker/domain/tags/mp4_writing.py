"""Writing the item list of MP4 into an index."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from worker.domain.tags.collecting import Tags
from worker.domain.tags.fields import FIELDS, TOTALS
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.mp4 import ATOMS, COVER, NUMBERS, PAIRS
from worker.domain.tags.pictures import Picture

_UTF_8, _INTEGER, _IMPLICIT = 1, 21, 0
_KINDS_OF_PICTURES = {"image/jpeg": 13, "image/png": 14}
# The handler of an item list: `mdir`, by `appl`, without a name.
_HANDLER = b"\0\0\0\x21hdlr" + bytes(8) + b"mdirappl" + bytes(9)


def with_items(moov: bytes, metadata: Metadata) -> bytes:
    """The box `moov` with tags and cover as its item list; the rest of its user data, such as chapters, is kept."""
    items = [*_items(metadata.tags), *_cover(metadata.cover)]
    if not items:
        return moov
    meta = box(b"meta", bytes(4) + _HANDLER + box(b"ilst", b"".join(items)))
    children = [child for kind, child in children_of(moov) if kind != b"udta"]
    kept = [
        child
        for kind, udta in children_of(moov)
        if kind == b"udta"
        for kind, child in children_of(udta)
        if kind != b"meta"
    ]
    return box(b"moov", b"".join([*children, box(b"udta", meta + b"".join(kept))]))


def children_of(parent: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the bytes of each box within one. Raises ValueError where one has no proper length."""
    offset = 8
    while offset < len(parent):
        length = int.from_bytes(parent[offset : offset + 4], "big")
        if length < 8 or offset + length > len(parent):
            raise ValueError(f"a box of the index has a length of {length}")
        yield parent[offset + 4 : offset + 8], parent[offset : offset + length]
        offset += length


def _items(tags: Tags) -> Iterator[bytes]:
    for name, values in tags.items():
        known = FIELDS.get(name)
        atom = known.mp4 if known else ""
        native = _native(atom, name, tags)
        if native:
            yield box(atom.encode("latin-1"), native)
        elif not any(total == name and _pair(tags, number) for number, total in TOTALS.items()):
            yield _freeform(name if atom.encode("latin-1") in ATOMS else atom or name, values)


def _cover(cover: Picture | None) -> Iterator[bytes]:
    if cover:
        yield box(COVER, _data(_KINDS_OF_PICTURES[cover.media_type], cover.content))


def _native(atom: str, name: str, tags: Tags) -> bytes:
    """The content of the field's own atom; empty where it has none, or the values do not fit into it."""
    if atom in PAIRS:
        return _pair(tags, name)
    if atom in NUMBERS:
        number = _number(tags[name][0], NUMBERS[atom])
        return _data(_INTEGER, number.to_bytes(NUMBERS[atom], "big")) if number else b""
    if atom.encode("latin-1") not in ATOMS:
        return b""
    return b"".join(_data(_UTF_8, value.encode()) for value in tags[name])


def _pair(tags: Tags, name: str) -> bytes:
    atom = FIELDS[name].mp4
    number, total = (_number(tags.get(each, ("0",))[0], 2) for each in (name, TOTALS[name]))
    if atom not in PAIRS or not number or total is None:
        return b""
    return _data(_IMPLICIT, struct.pack(">HHHH", 0, number, total, 0)[: PAIRS[atom]])


def _number(text: str, size: int) -> int | None:
    """The whole number that the text is, rounded; None where it is none or does not fit in `size` bytes."""
    try:
        number = round(float(text))
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 1 << 8 * size else None


def _freeform(name: str, values: tuple[str, ...]) -> bytes:
    head = box(b"mean", bytes(4) + b"com.apple.iTunes") + box(b"name", bytes(4) + name.encode())
    return box(b"----", head + b"".join(_data(_UTF_8, value.encode()) for value in values))


def _data(kind: int, content: bytes) -> bytes:
    return box(b"data", struct.pack(">II", kind, 0) + content)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
