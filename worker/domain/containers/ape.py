"""Monkey's Audio, from version 3.98 on."""

from __future__ import annotations

import struct

from worker.domain.containers.behind import joined_behind, repairs_behind
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure, range_to

_DESCRIPTOR = struct.Struct("<4sHHIIIIIII16s")
_HEADER = struct.Struct("<HHIIIHHI")
_MAGIC = b"MAC "
_FIRST_WITH_DESCRIPTOR = 3980
_UNSUPPORTED = "Monkey's Audio of a version before 3.98 is not supported"


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file is as long as its descriptor says."""
    described = read_at(start, _DESCRIPTOR.size)
    if len(described) < _DESCRIPTOR.size:
        return Structure(start, size, problem=CUT_OFF)
    _, version, _, descriptor_bytes, header_bytes, table, wav_header, sound, sound_high, wav_tail, _ = (
        _DESCRIPTOR.unpack(described)
    )
    if version < _FIRST_WITH_DESCRIPTOR:
        return Structure(start, size, problem=_UNSUPPORTED)
    header = read_at(start + descriptor_bytes, _HEADER.size)
    if len(header) < _HEADER.size:
        return Structure(start, size, problem=CUT_OFF)
    _, _, frame_samples, last_frame_samples, frames, _, _, rate_hz = _HEADER.unpack(header)
    begin = start + descriptor_bytes + header_bytes + table + wav_header
    end = begin + (sound_high << 32) + sound
    samples = max(0, frames - 1) * frame_samples + last_frame_samples
    return Structure(
        min(begin, size),
        min(end, size),
        problem=CUT_OFF if end > size else joined_behind(read_at, end + wav_tail, size, _MAGIC),
        track_seconds=(samples / rate_hz,) if rate_hz else (),
        repairs=repairs_behind(read_at, end + wav_tail, size),
        read_range=range_to(end + wav_tail, size),
    )
