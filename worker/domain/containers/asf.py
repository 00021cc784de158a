"""ASF, the container of WMA."""

from __future__ import annotations

from worker.domain.containers.sizes import SLACK_BYTES
from worker.domain.containers.structure import CUT_OFF, JOINED, ReadAt, Structure

_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file is as long as its header says, or longer by another file that was joined to it."""
    header = read_at(start, 65_536)
    at = header.find(_FILE_PROPERTIES)
    if at < 0 or len(header) < at + 92:
        return Structure(start, size)
    is_broadcast = bool(header[at + 88] & 1)  # then the size is not known
    end = start + int.from_bytes(header[at + 40 : at + 48], "little")
    if is_broadcast or end <= start:
        return Structure(start, size)
    if end > size + SLACK_BYTES:
        return Structure(start, size, problem=CUT_OFF)
    is_joined = read_at(end, len(_HEADER)) == _HEADER
    return Structure(
        start,
        min(end, size),
        problem=JOINED if is_joined else None,
        read_range=(0, end) if end < size else None,
    )
