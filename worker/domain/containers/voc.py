"""Creative's VOC (https://wiki.multimedia.cx/index.php/Creative_Voice)."""

from __future__ import annotations

from worker.domain.containers.behind import joined_behind, repairs_behind
from worker.domain.containers.sizes import MAX_CHUNKS, SLACK_BYTES
from worker.domain.containers.stream import is_more_than_junk
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure, damaged

_PAUSES = "the source holds pauses that its decoder leaves out"
_MAGIC = b"Creative Voice File"
_END, _PAUSE, _LAST_KIND = 0, 3, 9


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether its blocks are all there."""
    offset = start + int.from_bytes(read_at(start + 20, 2), "little")
    begin, problem = min(offset, size), None
    for _ in range(MAX_CHUNKS):
        header = read_at(offset, 4)
        if len(header) < 4 or not _END < header[0] <= _LAST_KIND:
            break
        behind = offset + 4 + int.from_bytes(header[1:], "little")
        if behind > size and size - offset <= SLACK_BYTES:
            break  # some writers state less than they write
        if header[0] == _PAUSE:
            problem = _PAUSES
        offset = behind
    if offset > size or begin >= size:
        problem = CUT_OFF
    end = max(begin, min(offset + 1, size))
    problem = problem or joined_behind(read_at, end, size, _MAGIC)
    repairs = repairs_behind(read_at, end, size)
    if repairs and is_more_than_junk(size - end, 0):
        # A zero ends the blocks. Where a length is damaged or bytes are missing, that is a zero within the sound.
        problem = problem or damaged(f"its last {size - end} bytes are no audio")
    return Structure(begin, end, problem=problem, repairs=repairs, read_range=(0, end) if end < size else None)
