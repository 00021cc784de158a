"""ASF, the container of WMA."""

from __future__ import annotations

from worker.domain.containers.sizes import SLACK_BYTES
from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut

_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file is as long as its header says."""
    return whole_or_cut(start, size, cut=_is_cut(read_at, start, size))


def _is_cut(read_at: ReadAt, start: int, size: int) -> bool:
    header = read_at(start, 65_536)
    at = header.find(_FILE_PROPERTIES)
    if at < 0 or len(header) < at + 92:
        return False
    is_broadcast = bool(header[at + 88] & 1)  # then the size is not known
    return not is_broadcast and start + int.from_bytes(header[at + 40 : at + 48], "little") > size + SLACK_BYTES
