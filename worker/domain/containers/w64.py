"""Sony Wave64."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from worker.domain.containers.chunks import Chunk, behind_chunks, chunks_from, is_name
from worker.domain.containers.data_end import MORE_SOUND, Samples, find_end
from worker.domain.containers.sizes import MAX_FILE_BYTES
from worker.domain.containers.structure import CUT_OFF, Patch, ReadAt, Structure
from worker.domain.containers.wave_format import FORMAT_BYTES, misread_codec, sample_layout_of, unsupported_codec

_HEADER_BYTES = 24  # a name of 16 bytes and a size that counts them
_LEAST_BYTES = 40 + 2 * _HEADER_BYTES  # of a file: its header, and those of two chunks


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the samples are all there, and where the chunks end."""
    layout, codec = None, None
    for chunk in chunks_from(read_at, start + 40, _chunk_at):
        if chunk.name == b"fmt ":
            description = read_at(chunk.begin, min(chunk.length, FORMAT_BYTES))
            if (unsupported := unsupported_codec(description)) is not None:
                return Structure(start, size, problem=unsupported)
            layout = sample_layout_of(description)
            codec = misread_codec(description, layout)
        if chunk.name == b"data":
            stated = chunk.length if 0 < chunk.length < MAX_FILE_BYTES else None
            samples = Samples(min(chunk.begin, size), stated, layout, is_wide=True)
            end = find_end(read_at, samples, size, partial(_behind_chunks, read_at, size, samples.begin))
            structure = replace(end.as_structure(samples, size, more_problem=MORE_SOUND), codec=codec)
            return _with_sizes(read_at, start, structure, is_stated=stated is not None)
    return Structure(start, size, problem=CUT_OFF)


def _with_sizes(read_at: ReadAt, start: int, structure: Structure, *, is_stated: bool) -> Structure:
    """The structure with patches for the true sizes: the demuxer fails on placeholders of files written to a pipe."""
    has_file_size = _LEAST_BYTES <= int.from_bytes(read_at(start + 16, 8), "little") < MAX_FILE_BYTES
    if structure.problem or structure.begin == structure.end or (is_stated and has_file_size):
        return structure
    of_file, of_chunk = structure.end - start, structure.end - structure.begin + _HEADER_BYTES
    patches = (
        Patch(start + 16, 8, of_file.to_bytes(8, "little")),
        Patch(structure.begin - 8, 8, of_chunk.to_bytes(8, "little")),
    )
    return replace(structure, patches=patches, mends_header=True)


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
