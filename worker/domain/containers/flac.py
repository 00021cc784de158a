"""FLAC's own container (RFC 9639). It states its number of samples, which the converter compares."""

from __future__ import annotations

from worker.domain.containers.structure import ReadAt, Structure


def examine(_read_at: ReadAt, start: int, size: int) -> Structure:
    """Nothing yet but where it begins and ends."""
    return Structure(start, size)
