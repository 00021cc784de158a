"""Bytes as the file that the parsers of the domain read."""

from __future__ import annotations

from worker.domain.containers.structure import ReadAt


def bytes_at(content: bytes) -> ReadAt:
    return lambda offset, size: content[offset : offset + size]
