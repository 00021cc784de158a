"""DSD in Sony's DSF and in Philips' DSDIFF (DFF)."""

from __future__ import annotations

from worker.domain.containers.behind import joined_behind
from worker.domain.containers.chunks import Chunk, behind_chunks, chunks_from, is_name
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure

_DSF_MAGIC, _DFF_MAGIC = b"DSD ", b"FRM8"
_DSF_HEADER_BYTES = 28
_FORM_SIZE_BYTES = 12  # with the name before it
_DFF_HEADER_BYTES = 16  # FRM8, its size, and the kind
_SOUND = {b"DSD ", b"DST "}


def examine_dsf(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the data chunk is all there, and its length by the count of samples."""
    at = start + _DSF_HEADER_BYTES
    form = read_at(at, 52)
    if len(form) < 52:
        return Structure(start, size, problem=CUT_OFF)
    rate_hz, samples = int.from_bytes(form[28:32], "little"), int.from_bytes(form[36:44], "little")
    data_at = at + int.from_bytes(form[4:12], "little")
    data = read_at(data_at, 12)
    end = data_at + int.from_bytes(data[4:], "little")
    begin = min(data_at + 12, size)
    return Structure(
        begin,
        max(begin, min(end, size)),
        problem=CUT_OFF if len(data) < 12 or end > size else joined_behind(read_at, end, size, _DSF_MAGIC),
        track_seconds=(samples / rate_hz,) if rate_hz else (),
    )


def examine_dff(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the chunk of sound is all there."""
    for chunk in chunks_from(read_at, start + _DFF_HEADER_BYTES, _chunk_at):
        if chunk.name in _SOUND:
            end = chunk.begin + chunk.length
            begin = min(chunk.begin, size)
            form_end = start + _FORM_SIZE_BYTES + int.from_bytes(read_at(start + 4, 8), "big")
            chunks_end = min(size, behind_chunks(read_at, chunk.behind, size, _chunk_at))
            return Structure(
                begin,
                min(end, size),
                problem=CUT_OFF if end > size else joined_behind(read_at, form_end, size, _DFF_MAGIC),
                read_range=(0, chunks_end) if chunks_end < size else None,
            )
    return Structure(start, size, problem=CUT_OFF)


def _chunk_at(read_at: ReadAt, offset: int) -> Chunk | None:
    header = read_at(offset, 12)
    if len(header) < 12 or not is_name(header[:4]):
        return None
    length = int.from_bytes(header[4:], "big")
    return Chunk(header[:4], offset + 12, length, offset + 12 + length + length % 2)
