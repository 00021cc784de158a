"""Ogg: Vorbis, Opus, FLAC and Speex in pages (RFC 3533)."""

from __future__ import annotations

from worker.domain.containers.structure import ReadAt, Structure, whole_or_cut

_LONGEST_PAGE_BYTES = 27 + 255 + 255 * 255


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the last page is complete, and the last of its stream (RFC 3533, section 6)."""
    return whole_or_cut(start, size, cut=_is_cut(read_at, start, size))


def _is_cut(read_at: ReadAt, start: int, size: int) -> bool:
    begin = max(start, size - 2 * _LONGEST_PAGE_BYTES)
    window = read_at(begin, size - begin)
    at = window.rfind(b"OggS\x00")
    if at < 0 or len(window) < at + 27:
        return True
    segments = window[at + 27 : at + 27 + window[at + 26]]
    complete = len(segments) == window[at + 26] and len(window) >= at + 27 + len(segments) + sum(segments)
    is_last_of_stream = bool(window[at + 5] & 4)
    return not (complete and is_last_of_stream)
