"""TTA (True Audio; https://sourceforge.net/projects/tta)."""

from __future__ import annotations

from worker.domain.containers.behind import joined_behind, repairs_behind
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure, range_to

_MAGIC = b"TTA1"
_HEADER_BYTES = 22
_SIZE_BYTES = 4
_MAX_FRAMES = 1_000_000  # eleven days


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether all frames are there that the table behind the header lists."""
    header = read_at(start, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return Structure(start, size, problem=CUT_OFF)
    rate_hz, samples = int.from_bytes(header[10:14], "little"), int.from_bytes(header[14:18], "little")
    if not rate_hz:
        return Structure(start, size)
    frames = -(-samples // (256 * rate_hz // 245))
    table = read_at(start + _HEADER_BYTES, _SIZE_BYTES * min(frames, _MAX_FRAMES))
    sizes = (table[at : at + _SIZE_BYTES] for at in range(0, len(table), _SIZE_BYTES))
    begin = start + _HEADER_BYTES + _SIZE_BYTES * (frames + 1)  # a checksum follows on the table
    end = begin + sum(int.from_bytes(each, "little") for each in sizes)
    is_cut = end > size or len(table) < _SIZE_BYTES * frames
    return Structure(
        min(begin, size),
        min(max(begin, end), size),
        problem=CUT_OFF if is_cut else joined_behind(read_at, end, size, _MAGIC),
        track_seconds=(samples / rate_hz,),
        repairs=repairs_behind(read_at, end, size),
        read_range=range_to(end, size),
        names_positions=False,  # its header counts the channels
    )
