"""From the fragmented MP4 that ffmpeg writes to the segments of a stream: each fragment is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from worker.adapters.ffmpeg.files import reader
from worker.domain.containers.kinds import Container
from worker.domain.containers.mp4_fragments import Fragments, fragments_of
from worker.domain.containers.sniffing import Sniffed, examine
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError
from worker.domain.hls import Rendition, Segment
from worker.ports import Artifact, Stream

_TOLERANCE_SECONDS = 0.01  # times are rounded to samples, and a source's clock may have been mended by a millisecond


def to_stream(path: Path, encoding: Encoding, seconds: float) -> Artifact:
    """The fragments of the file become segments; the file stays as it is. Blocks on disk I/O.

    Raises ConverterCrashedError where it is not whole, or has not as many samples as went into it.
    """
    with reader(path) as (read_at, size):
        if size == 0 or examine(Sniffed(Container.MP4, 0), read_at, size).problem:
            raise ConverterCrashedError(f"the {encoding.format} output is not complete")
        try:
            fragments = fragments_of(read_at, size)
        except ValueError as exc:
            raise ConverterCrashedError(f"the {encoding.format} output has no proper fragments") from exc
    segments = _segments(fragments)
    lacking = seconds - sum(segment.seconds for segment in segments)
    if abs(lacking) > _TOLERANCE_SECONDS:
        raise ConverterCrashedError(f"the {encoding.format} output is not as long as its sound")
    if segments[-1].seconds + lacking <= 0:
        raise ConverterCrashedError(f"the last segment of the {encoding.format} output has no sound")
    segments[-1] = replace(segments[-1], seconds=segments[-1].seconds + lacking)
    rendition = Rendition(encoding.bitrate_kbps or 0, segments)
    return Artifact(path, seconds, 0, 0, streams=(Stream(path, rendition),))


def _segments(fragments: Fragments) -> list[Segment]:
    """The segments, one of each fragment. The samples that players skip at the start do not count in the first one."""
    segments, skipped = [], fragments.skipped
    for fragment in fragments.each:
        segments.append(Segment(fragment.start, fragment.stop, (fragment.samples - skipped) / fragments.rate_hz))
        skipped = 0
    return segments
