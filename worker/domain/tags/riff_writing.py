"""Writing ID3 into WAV and AIFF: a chunk behind all others, as iTunes and tag editors do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from worker.domain.containers.structure import ReadAt
from worker.domain.tags.collecting import Tags
from worker.domain.tags.edits import MAX_ARGUMENT_BYTES
from worker.domain.tags.id3_writing import id3_tag
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.riff import FIELDS_OF_INFO

_SIZE_AT, _WIDE_SIZE_AT = 4, 20  # the latter for RF64 (EBU Tech 3306)
_MAX_BYTES = 2**32 - 1


def id3_behind_wav(read_at: ReadAt, size: int, metadata: Metadata) -> Iterator[tuple[int, bytes]]:
    """What to write into the file, at an offset: nothing where its `LIST INFO` has all of the metadata already."""
    if metadata.cover is None and not metadata.chapters and _has_place_in_info(metadata.tags):
        return
    chunk = _chunk(b"id3 ", size, id3_tag(metadata), "little")
    riff_bytes = size + len(chunk) - 8
    if read_at(0, 4) == b"RF64":
        yield _WIDE_SIZE_AT, riff_bytes.to_bytes(8, "little")
    elif riff_bytes <= _MAX_BYTES:
        yield _SIZE_AT, riff_bytes.to_bytes(4, "little")
    else:
        return
    yield size, chunk


def id3_behind_aiff(size: int, metadata: Metadata) -> Iterator[tuple[int, bytes]]:
    """What to write into the file, at an offset; nothing where it would become longer than an AIFF can be."""
    chunk = _chunk(b"ID3 ", size, id3_tag(metadata), "big")
    if metadata != Metadata() and size + len(chunk) <= _MAX_BYTES:
        yield _SIZE_AT, (size + len(chunk) - 8).to_bytes(4, "big")
        yield size, chunk


def _has_place_in_info(tags: Tags) -> bool:
    value_bytes = sum(len(value.encode()) for values in tags.values() for value in values)
    is_known = all(name in FIELDS_OF_INFO and len(values) == 1 for name, values in tags.items())
    return is_known and value_bytes <= MAX_ARGUMENT_BYTES


def _chunk(name: bytes, at: int, content: bytes, order: Literal["big", "little"]) -> bytes:
    """A chunk to be written at the offset `at`; a byte in front of it makes an odd one even."""
    return bytes(at % 2) + name + len(content).to_bytes(4, order) + content + bytes(len(content) % 2)
