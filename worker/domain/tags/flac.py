"""The comments of FLAC (RFC 9639, section 8.6)."""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.containers.structure import ReadAt
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.collecting import MAX_BYTES, Tags, merged
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import MAX_BLOCK_BYTES, as_block, read_block
from worker.domain.tags.vorbis import chapters_of_comments, read_comments, with_comments

_COMMENTS, _PICTURE = 4, 6
_LAST = 0x80
_MAX_BLOCKS = 10_000
_MAX_COMMENTS_BYTES = 4 * MAX_BYTES
_MAX_COMMENTS = 4  # the standard allows one block of them


def read_flac(read_at: ReadAt, start: int) -> Tags:
    """The fields of all comments of the file that begins at `start`."""
    return merged([read_comments(block) for block in _comments(read_at, start)])


def chapters_of_flac(read_at: ReadAt, start: int) -> Iterator[Chapter]:
    """The chapters in the comments of the file that begins at `start`."""
    for block in _comments(read_at, start):
        yield from chapters_of_comments(block)


def _comments(read_at: ReadAt, start: int) -> list[bytes]:
    comments = [(offset, length) for kind, offset, length in _blocks(read_at, start) if kind == _COMMENTS]
    return [read_at(offset, min(length, _MAX_COMMENTS_BYTES)) for offset, length in comments[:_MAX_COMMENTS]]


def pictures_of_flac(read_at: ReadAt, start: int) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each picture of the file that begins at `start`."""
    for kind, offset, length in _blocks(read_at, start):
        if kind == _PICTURE and length <= MAX_BLOCK_BYTES:
            yield read_block(read_at(offset, length))


def flac_in_front(read_at: ReadAt, metadata: Metadata) -> tuple[bytes, int]:
    """All metadata of an output with that which is given among it, and the offset of its first frame."""
    stop, parts = 4, []
    for kind, offset, length in _blocks(read_at, 0):
        content = read_at(offset, length)
        parts.append((kind, with_comments(content, metadata) if kind == _COMMENTS else content))
        if kind == _COMMENTS and metadata.cover:
            parts.append((_PICTURE, as_block(metadata.cover)))
        stop = offset + length
    blocks = [
        bytes([kind | (_LAST if number == len(parts) else 0)]) + len(content).to_bytes(3, "big") + content
        for number, (kind, content) in enumerate(parts, 1)
    ]
    return b"fLaC" + b"".join(blocks), stop


def _blocks(read_at: ReadAt, start: int) -> Iterator[tuple[int, int, int]]:
    """The kind of each block, the offset of its content, and its length."""
    offset = start + 4
    for _ in range(_MAX_BLOCKS):
        header = read_at(offset, 4)
        if len(header) < 4:
            return
        length = int.from_bytes(header[1:], "big")
        yield header[0] & ~_LAST, offset + 4, length
        if header[0] & _LAST:
            return
        offset += 4 + length
