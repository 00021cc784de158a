"""Apple's Core Audio Format."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import partial

from worker.domain.containers.chunks import Chunk, behind_chunks, chunks_from, is_name
from worker.domain.containers.data_end import MORE_SOUND, Samples, find_end
from worker.domain.containers.samples import SampleLayout
from worker.domain.containers.sizes import SLACK_BYTES
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure
from worker.domain.containers.tags import before_tags

_HEADER_BYTES = 12
_TO_THE_END = -1  # which only the last chunk may have as its size
_EDIT_COUNT_BYTES = 4
_PADDED = "samples in CAF with more bytes than their bits need are not supported"


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the data and all chunks are complete: the table of packets may follow on the data."""
    layout: SampleLayout | None = None
    is_padded = False
    data: Chunk | None = None
    end_of_chunks = before_tags(read_at, start, size)
    for chunk in chunks_from(read_at, start + 8, _chunk_at):
        if chunk.begin - _HEADER_BYTES >= end_of_chunks:
            break
        if chunk.begin + chunk.length > size + SLACK_BYTES:
            return Structure(start, size, problem=CUT_OFF)
        if chunk.name == b"desc":
            description = read_at(chunk.begin, 32)
            layout, is_padded = _layout(description), _is_padded(description)
        if chunk.name == b"data" and data is None:
            data = chunk
            if chunk.length == _TO_THE_END:
                break
    if data is None:
        return Structure(start, size, problem=CUT_OFF)
    stated = None if data.length == _TO_THE_END else data.length - _EDIT_COUNT_BYTES
    samples = Samples(min(data.begin + _EDIT_COUNT_BYTES, size), stated, layout, is_wide=True)
    end = find_end(read_at, samples, size, partial(_behind_chunks, read_at, size))
    structure = end.as_structure(samples, size, more_problem=MORE_SOUND)
    return replace(structure, problem=structure.problem or _PADDED) if is_padded else structure


def _behind_chunks(read_at: ReadAt, size: int, offset: int) -> int:
    return behind_chunks(read_at, offset, size, _chunk_at)


def _chunk_at(read_at: ReadAt, offset: int) -> Chunk | None:
    header = read_at(offset, _HEADER_BYTES)
    name, length = header[:4], int.from_bytes(header[4:], "big", signed=True)
    if len(header) < _HEADER_BYTES or not is_name(name) or name == b"caff":
        return None
    if length < 0 and (name, length) != (b"data", _TO_THE_END):
        return None
    return Chunk(name, offset + _HEADER_BYTES, length, offset + _HEADER_BYTES + length)


def _is_padded(description: bytes) -> bool:
    """Whether plain samples have more bytes than their bits need. FFmpeg 9.0 takes these bytes for samples, too."""
    if len(description) < 32 or description[8:12] != b"lpcm":
        return False
    packet_bytes, frames, channels, bits = struct.unpack_from(">4I", description, 16)
    return bool(packet_bytes > (bits + 7) // 8 * channels * max(1, frames) > 0)


def _layout(description: bytes) -> SampleLayout | None:
    if len(description) < 32 or description[8:12] not in {b"lpcm", b"ulaw", b"alaw"}:
        return None
    (rate_hz,) = struct.unpack_from(">d", description)
    flags, packet_bytes, _, channels, bits = struct.unpack_from(">5I", description, 12)
    kinds = {b"ulaw": "mulaw", b"alaw": "alaw"}
    kind = kinds.get(description[8:12], "float" if flags & 1 else "int")
    if not 0 < rate_hz < 1e9 or not channels or packet_bytes != (bits + 7) // 8 * channels:
        return None
    return SampleLayout(
        kind, packet_bytes // channels, channels, "little" if flags & 2 else "big", int(rate_hz)
    ).if_known()
