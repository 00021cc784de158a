"""WAV, RF64 and BW64 (ITU-R BS.2088-1)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from worker.domain.containers.data_end import Samples, find_end
from worker.domain.containers.sizes import MAX_CHUNKS, SLACK_BYTES
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure
from worker.domain.containers.wave_format import FORMAT_BYTES, layout_of

_UNKNOWN = 0xFFFF_FFFF


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Where the sound ends, whatever the header states, and whether it is all there."""
    offset, ds64, layout = start + 12, None, None
    for _ in range(MAX_CHUNKS):
        header = read_at(offset, 8 + FORMAT_BYTES)
        if len(header) < 8:
            break
        kind, length = header[:4], int.from_bytes(header[4:8], "little")
        if kind == b"ds64":
            ds64 = int.from_bytes(header[16:24], "little")
        if kind == b"fmt ":
            layout = layout_of(header[8 : 8 + length])
        if kind == b"data":
            is_wide = length == _UNKNOWN
            samples = Samples(offset + 8, (ds64 or None) if is_wide else length, layout, is_wide=is_wide)
            end = find_end(read_at, samples, size, partial(_behind_chunks, read_at, size, samples.begin))
            structure = end.as_structure(samples, size)
            # Of an RF64 that was written to a pipe both sizes are unknown, and a decoder would believe the second one.
            return replace(structure, ignores_stated_size=True) if is_wide and ds64 == 0 else structure
        offset += 8 + length + length % 2
    return Structure(start, size, problem=CUT_OFF)  # no data chunk


def _behind_chunks(read_at: ReadAt, size: int, begin: int, offset: int) -> int:
    """The offset behind the chunks that follow on the samples.

    Some writers forget the byte that fills up a chunk of odd length. A second chunk of samples is no such chunk.
    """
    is_odd = (offset - begin) % 2 == 1
    for _ in range(MAX_CHUNKS):
        for at in (offset + 1, offset) if is_odd else (offset,):
            header = read_at(at, 8)
            length = int.from_bytes(header[4:8], "little")
            if len(header) == 8 and _is_behind_samples(header[:4]) and at + 8 + length <= size + SLACK_BYTES:
                offset, is_odd = at + 8 + length, length % 2 == 1
                break
        else:
            break
    return min(offset, size)


def _is_behind_samples(name: bytes) -> bool:
    return name not in {b"RIFF", b"RF64", b"BW64", b"data"} and all(32 <= byte < 127 for byte in name)
