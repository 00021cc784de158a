"""AIFF and AIFF-C."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from worker.domain.containers.chunks import Chunk, behind_chunks, chunks_from, is_name
from worker.domain.containers.data_end import MORE_SOUND, Samples, find_end
from worker.domain.containers.gsm import FRAME_BYTES
from worker.domain.containers.samples import ByteOrder, SampleLayout
from worker.domain.containers.structure import CUT_OFF, Patch, ReadAt, Structure, damaged

_NOT_IN_A_ROW = damaged("the chunks of the AIFF file do not follow each other")
_MAX_SIZE = 0xFFFF_FFFF
_SOUND_AT = 8  # in the chunk, behind two fields: the offset of the first sample from there, and the block size
_COUNT = slice(2, 6)  # of samples, or of packets of compressed ones, in `COMM`
_KIND = slice(18, 22)  # of the samples, in `COMM` of AIFF-C
_LITTLE_BYTES = 2  # of a sample of `sowt`: FFmpeg 9.0 reads two whatever the depth is
_OTHER_THAN_16_BITS = "little-endian samples in AIFF-C are supported with 16 bits alone, and the source's have others"
_KINDS = {b"NONE": "int", b"twos": "int", b"in24": "int", b"in32": "int", b"fl32": "float", b"FL32": "float"} | {
    b"fl64": "float",
    b"FL64": "float",
    b"ulaw": "mulaw",
    b"ULAW": "mulaw",
    b"alaw": "alaw",
    b"ALAW": "alaw",
}
_GSM = b"GSM "
_SUPPORTED = {*_KINDS, b"sowt", b"raw ", b"ima4", _GSM, b"G722"}


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the samples are all there, and where the chunks end."""
    common_at, common = 0, b""
    data: Chunk | None = None
    behind = start + 12
    has_kind = read_at(start + 8, 4) == b"AIFC"
    for chunk in chunks_from(read_at, behind, _chunk_at):
        behind = chunk.behind
        if chunk.name == b"COMM":
            common_at, common = chunk.begin, read_at(chunk.begin, min(chunk.length, 32))
            if has_kind and is_name(kind := common[_KIND]) and kind not in _SUPPORTED:
                problem = f"AIFF-C with the compression {kind.decode()} is not supported"
                return Structure(start, size, problem=problem)
        if chunk.name == b"SSND" and data is None:
            data = chunk
    if data is None:
        return Structure(start, size, problem=CUT_OFF if len(read_at(behind, 8)) < 8 else _NOT_IN_A_ROW)
    layout = _layout(common)
    offset = _SOUND_AT + int.from_bytes(read_at(data.begin, 4), "big")
    samples = Samples(min(data.begin + offset, size), max(0, data.length - offset), layout)
    end = find_end(read_at, samples, size, partial(_behind_chunks, read_at, size, data.begin))
    structure = _with_sizes(read_at, start, data, end.as_structure(samples, size, more_problem=MORE_SOUND))
    if common[_KIND] == _GSM:
        return _with_packets(structure, common_at, common)
    if layout and layout.byte_order == "little" and layout.sample_bytes != _LITTLE_BYTES:
        return replace(structure, problem=structure.problem or _OTHER_THAN_16_BITS)
    return structure


def _with_sizes(read_at: ReadAt, start: int, data: Chunk, structure: Structure) -> Structure:
    """The structure with patches for the true sizes: the demuxer fails on the zeros of files written to a pipe."""
    has_samples = structure.end > structure.begin
    are_stated = data.length > _SOUND_AT and start + 8 + int.from_bytes(read_at(start + 4, 4), "big") >= data.begin
    if structure.problem or not has_samples or are_stated:
        return structure
    of_file, of_chunk = structure.end - start - 8, structure.end - data.begin
    if of_file > _MAX_SIZE:
        return replace(structure, problem=MORE_SOUND)
    patches = (
        Patch(start + 4, 4, of_file.to_bytes(4, "big")),
        Patch(data.begin - 4, 4, of_chunk.to_bytes(4, "big")),
    )
    return replace(structure, patches=patches, mends_header=True)


def _with_packets(structure: Structure, common_at: int, common: bytes) -> Structure:
    """The structure with a patch for the number of packets, where libsndfile has stated that of samples."""
    packets = (structure.end - structure.begin) // FRAME_BYTES
    if int.from_bytes(common[_COUNT], "big") <= packets:
        return structure
    patch = Patch(common_at + _COUNT.start, 4, packets.to_bytes(4, "big"))
    return replace(structure, patches=(*structure.patches, patch), mends_header=True)


def _behind_chunks(read_at: ReadAt, size: int, begin: int, offset: int) -> int:
    """The offset behind the chunks that follow on the samples. An odd number of bytes is filled up with one more."""
    return behind_chunks(read_at, offset + (offset - begin) % 2, size, _chunk_at)


def _chunk_at(read_at: ReadAt, offset: int) -> Chunk | None:
    header = read_at(offset, 8)
    if len(header) < 8 or not is_name(header[:4]) or header[:4] == b"FORM":
        return None
    length = int.from_bytes(header[4:], "big")
    return Chunk(header[:4], offset + 8, length, offset + 8 + length + length % 2)


def _layout(common: bytes) -> SampleLayout | None:
    if len(common) < 18:
        return None
    channels, bits = int.from_bytes(common[:2], "big"), int.from_bytes(common[6:8], "big")
    compression = common[_KIND] or b"NONE"
    order: ByteOrder = "little" if compression == b"sowt" else "big"
    kind = "int" if compression == b"sowt" else _KINDS.get(compression, "")
    sample_bytes = 1 if kind in {"mulaw", "alaw"} else (bits + 7) // 8
    return SampleLayout(kind, sample_bytes, channels, order, _rate_hz(common[8:18])).if_known()


def _rate_hz(extended: bytes) -> int:
    """The rate in a number of 80 bits (IEEE 754's extended precision); 0 where it makes no sense."""
    exponent = (int.from_bytes(extended[:2], "big") & 0x7FFF) - 16383
    return int.from_bytes(extended[2:], "big") >> 63 - exponent if 0 <= exponent < 32 else 0
