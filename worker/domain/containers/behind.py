"""What lies behind the end that a file states."""

from __future__ import annotations

from worker.domain.containers.samples import is_constant
from worker.domain.containers.structure import BYTES_BEHIND, ReadAt
from worker.domain.containers.tags import before_tags


def repairs_behind(read_at: ReadAt, end: int, size: int) -> tuple[str, ...]:
    """The sentence for bytes that are neither padding nor tags; empty where there are none."""
    rest_end = before_tags(read_at, min(end, size), size)
    return () if is_constant(read_at, min(end, size), rest_end) else (BYTES_BEHIND,)
