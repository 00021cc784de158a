"""What lies behind the end that a file states."""

from __future__ import annotations

from worker.domain.containers.samples import is_constant
from worker.domain.containers.structure import BYTES_BEHIND, JOINED, ReadAt
from worker.domain.containers.tags import before_tags, behind_tags
from worker.domain.containers.zeros import zeros_begin_before


def joined_behind(read_at: ReadAt, end: int, size: int, magic: bytes) -> str | None:
    """The problem that a second file of the same kind follows, perhaps behind tags. None where none follows."""
    return JOINED if end < size and read_at(behind_tags(read_at, end), len(magic)) == magic else None


def repairs_behind(read_at: ReadAt, end: int, size: int) -> tuple[str, ...]:
    """The sentence for bytes that are neither padding nor tags; empty where there are none."""
    begin = min(behind_tags(read_at, end), size)
    return () if is_constant(read_at, begin, before_tags(read_at, begin, size)) else (BYTES_BEHIND,)


def is_padding(read_at: ReadAt, begin: int, size: int) -> bool:
    """Whether nothing follows but zeros and tags, and the zeros do not begin amid what lies before `begin`.

    For a file that does not say where it ends.
    """
    end = before_tags(read_at, begin, size)
    are_zeros = begin == end or (read_at(begin, 1) == b"\0" and is_constant(read_at, begin, end))
    return are_zeros and not zeros_begin_before(read_at, begin, size)
