"""Sony Wave64."""

from __future__ import annotations

from functools import partial

from worker.domain.containers.chunks import Chunk, behind_chunks, chunks_from, is_name
from worker.domain.containers.data_end import MORE_SOUND, Samples, find_end
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure
from worker.domain.containers.wave_format import FORMAT_BYTES, layout_of

_HEADER_BYTES = 24  # a name of 16 bytes and a size that counts them
_UNKNOWN = 1 << 62


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the samples are all there, and where the chunks end."""
    layout = None
    for chunk in chunks_from(read_at, start + 40, _chunk_at):
        if chunk.name == b"fmt ":
            layout = layout_of(read_at(chunk.begin, min(chunk.length, FORMAT_BYTES)))
        if chunk.name == b"data":
            stated = chunk.length if 0 < chunk.length < _UNKNOWN else None
            samples = Samples(min(chunk.begin, size), stated, layout, is_wide=True)
            end = find_end(read_at, samples, size, partial(_behind_chunks, read_at, size, samples.begin))
            return end.as_structure(samples, size, more_problem=MORE_SOUND)
    return Structure(start, size, problem=CUT_OFF)


def _behind_chunks(read_at: ReadAt, size: int, begin: int, offset: int) -> int:
    """The offset behind the chunks that follow on the samples. The first one begins at a multiple of 8 bytes."""
    return behind_chunks(read_at, offset + (begin - offset) % 8, size, _chunk_at)


def _chunk_at(read_at: ReadAt, offset: int) -> Chunk | None:
    header = read_at(offset, _HEADER_BYTES)
    length = int.from_bytes(header[16:], "little") - _HEADER_BYTES
    if len(header) < _HEADER_BYTES or length < 0 or not is_name(header[:4]) or header[:4] == b"riff":
        return None
    stated = _HEADER_BYTES + length  # chunks are padded to 8 bytes, counted from their own beginning
    return Chunk(header[:4], offset + _HEADER_BYTES, length, offset + stated + -stated % 8)
