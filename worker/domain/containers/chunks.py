"""Chunks of a name and a size, which AIFF, CAF and Wave64 consist of as WAV does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from worker.domain.containers.sizes import MAX_CHUNKS, SLACK_BYTES
from worker.domain.containers.structure import ReadAt

SOUND_CHUNKS = frozenset({b"data", b"SSND"})  # names of chunks of samples; decoders play one of them


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where its contents begin, and their length in bytes as stated; `behind` is the offset of the next chunk."""

    name: bytes
    begin: int
    length: int
    behind: int


ChunkAt = Callable[[ReadAt, int], Chunk | None]  # None where there is no chunk, by its header


def chunks_from(read_at: ReadAt, offset: int, chunk_at: ChunkAt) -> Iterator[Chunk]:
    """The chunks in their order. Ends where what follows is none; the last may reach behind the end of the file."""
    for _ in range(MAX_CHUNKS):
        chunk = chunk_at(read_at, offset)
        if chunk is None:
            return
        yield chunk
        offset = chunk.behind


def behind_chunks(read_at: ReadAt, offset: int, size: int, chunk_at: ChunkAt) -> int:
    """The offset behind the chunks that begin at `offset` and are all there. Ends before more samples."""
    for chunk in chunks_from(read_at, offset, chunk_at):
        if chunk.name in SOUND_CHUNKS or chunk.begin + chunk.length > size + SLACK_BYTES:
            break
        offset = chunk.behind
    return min(offset, size)


def is_name(name: bytes) -> bool:
    """Whether these are four characters of ASCII, as the names of chunks are."""
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)
