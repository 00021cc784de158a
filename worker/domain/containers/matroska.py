"""Matroska and WebM (RFC 8794, RFC 9559).

A demuxer that meets damage searches for the next cluster, or ends, and reports no error. So the header of every
element is read here: each must be known, and end where its parent allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from worker.domain.containers.behind import is_padding, repairs_behind
from worker.domain.containers.ebml import CRC32, VOID, DamagedError, Element, children, element_at, unsigned
from worker.domain.containers.matroska_clusters import CLUSTER, Clusters, Track, read_track
from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import CUT_OFF, JOINED, ReadAt, Structure, damaged, range_to
from worker.domain.containers.zeros import zeroed

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_INFO, _TIMESTAMP_SCALE = 0x1549A966, 0x2AD7B1
_TRACKS, _TRACK_ENTRY = 0x1654AE6B, 0xAE
_SEEK_HEAD, _CUES, _CHAPTERS, _TAGS, _ATTACHMENTS = 0x114D9B74, 0x1C53BB6B, 0x1043A770, 0x1254C367, 0x1941A469
_CUE_POINT, _CUE_TRACK_POSITIONS, _CUE_CLUSTER_POSITION = 0xBB, 0xB7, 0xF1
_IN_SEGMENT = {_INFO, _TRACKS, CLUSTER, _SEEK_HEAD, _CUES, _CHAPTERS, _TAGS, _ATTACHMENTS, VOID, CRC32}
_BEHIND_A_CLUSTER = _IN_SEGMENT - {VOID, CRC32} | {_EBML}
_CLUSTER_NAME = CLUSTER.to_bytes(4, "big")
_MAX_IN_SEGMENT = 2_000_000  # a day of clusters of a twentieth of a second
_READ_BYTES = 16_384  # small, so that of a large picture only the header is read

_DAMAGED = damaged("the elements of the Matroska file do not fit together")


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether all elements are whole, in clusters whose times go on, and how long each audio track is."""
    reader = BlockReader(read_at, block_bytes=_READ_BYTES)
    header = element_at(reader, start)
    segment = element_at(reader, header.end) if header and header.end is not None else None
    while segment and segment.identifier == VOID and segment.end is not None:
        segment = element_at(reader, segment.end)
    if segment is None or segment.identifier != _SEGMENT or (segment.end or size) > size:
        return Structure(start, size, problem=CUT_OFF)
    try:
        clusters, end = _read_segment(reader, segment, size, partial(is_padding, read_at, size=size))
    except DamagedError:
        return Structure(start, size, problem=_DAMAGED if segment.end else CUT_OFF)
    return Structure(
        start,
        min(end, size),
        problem=_problem(reader, clusters, end),
        track_seconds=clusters.track_seconds(),
        repairs=(
            *([zeroed(clusters.zeroed)] if clusters.zeroed else []),
            *repairs_behind(read_at, min(end, size), size),
        ),
        read_range=range_to(end, size),
        loses_frames=clusters.zeroed > 0,
    )


def _problem(reader: BlockReader, clusters: Clusters, end: int) -> str | None:
    follower = element_at(reader, end)
    if follower and follower.identifier == _EBML:
        return JOINED
    if follower and follower.identifier in _BEHIND_A_CLUSTER:
        return _DAMAGED  # the segment's size is wrong
    if reader.find(_CLUSTER_NAME, end) is not None:
        return _DAMAGED  # there are more clusters
    return _DAMAGED if clusters.has_lost_order else None


def _read_segment(
    reader: BlockReader, segment: Element, size: int, is_padding: Callable[[int], bool]
) -> tuple[Clusters, int]:
    """What the clusters hold, and where the segment ends. Raises DamagedError."""
    tracks: dict[int, Track] = {}
    clusters = Clusters(reader, tracks, is_padding)
    cues: Element | None = None
    offset, end = segment.body, segment.end or size
    for _ in range(_MAX_IN_SEGMENT):
        if offset >= end:
            if cues and _has_lost_clusters(reader, segment, cues, clusters, end):
                raise DamagedError
            return clusters, offset
        element = element_at(reader, offset)
        if segment.end is None and _ends_at(offset, element, is_padding):
            return clusters, offset
        if element is None or element.identifier not in _IN_SEGMENT or (element.end or end) > end:
            raise DamagedError
        if element.identifier == CLUSTER:
            offset = clusters.read(element, end, _BEHIND_A_CLUSTER)
            continue
        if element.end is None:
            raise DamagedError
        if element.identifier == _INFO:
            clusters.scale_ns = _timestamp_scale(reader, element) or clusters.scale_ns
        elif element.identifier == _TRACKS and not tracks:
            entries = [child for child in _content(reader, element) if child.identifier == _TRACK_ENTRY]
            tracks.update((track.number, track) for track in (read_track(reader, entry) for entry in entries))
        elif element.identifier == _CUES:
            cues = element
        offset = element.end
    raise DamagedError


def _ends_at(offset: int, element: Element | None, is_padding: Callable[[int], bool]) -> bool:
    """Whether a segment of unknown size ends where another file or padding begins."""
    if element is not None and element.identifier in _IN_SEGMENT:
        return False
    return (element is not None and element.identifier == _EBML) or is_padding(offset)


def _has_lost_clusters(reader: BlockReader, segment: Element, cues: Element, clusters: Clusters, end: int) -> bool:
    """Whether the cues name a cluster that is not there, and the sound has a gap or ends before it.

    Cues alone prove nothing: editors leave stale ones behind.
    """
    for begin in _cued_clusters(reader, segment, cues):
        if begin >= end or (clusters.has_gap and begin not in clusters.begins):
            return True
    return False


def _cued_clusters(reader: BlockReader, segment: Element, cues: Element) -> Iterator[int]:
    for point in children(reader, cues.body, cues.end or cues.body, most=_MAX_IN_SEGMENT):
        if point.identifier == _CUE_POINT:
            for positions in _content(reader, point):
                if positions.identifier == _CUE_TRACK_POSITIONS:
                    found = [c for c in _content(reader, positions) if c.identifier == _CUE_CLUSTER_POSITION]
                    yield from (segment.body + unsigned(reader, position) for position in found)


def _timestamp_scale(reader: BlockReader, info: Element) -> int:
    return next((unsigned(reader, c) for c in _content(reader, info) if c.identifier == _TIMESTAMP_SCALE), 0)


def _content(reader: BlockReader, element: Element) -> list[Element]:
    return list(children(reader, element.body, element.end or element.body))
