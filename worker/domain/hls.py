"""HTTP Live Streaming (RFC 8216): one sound at several bitrates, in segments, and the playlists that name them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from worker.domain.limits import Range

PLAYLIST = "playlist.m3u8"
INIT = "init.mp4"
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"  # RFC 8216, section 4
MEDIA_TYPE = "audio/mp4"
SEGMENT_SECONDS = Range(2, 20)
DEFAULT_SEGMENT_SECONDS = 6.0

_VERSION = 7  # fragmented MP4 with EXT-X-MAP (section 7 asks for 6)
_CODECS = "mp4a.40.2"  # AAC-LC (RFC 6381, section 3.3), which is what the encoder writes
# Section 4.3.4.2: BANDWIDTH is the highest of all sets of neighbours that last from half to one and a half of it.
_SHORTEST_PEAK, _LONGEST_PEAK = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a rendition's file, from `start` to `stop`, that can be decoded by itself."""

    start: int
    stop: int
    seconds: float

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Rendition:
    """The sound at one bitrate. What stands in its file before the first segment is needed to decode each segment."""

    bitrate_kbps: int
    segments: Sequence[Segment]

    @property
    def name(self) -> str:
        return f"{self.bitrate_kbps}k"

    @property
    def init_bytes(self) -> int:
        return self.segments[0].start

    @property
    def size_bytes(self) -> int:
        return self.segments[-1].stop

    @property
    def microseconds(self) -> Sequence[int]:
        """The lengths of the segments as they are written. They add up to that of the sound."""
        ends = [round(1e6 * end) for end in accumulate(segment.seconds for segment in self.segments)]
        return [end - begin for begin, end in pairwise([0, *ends])]

    @property
    def target_seconds(self) -> int:
        """The length that no segment exceeds, once its written length is rounded (section 4.3.3.1)."""
        return max(1, (max(self.microseconds) + 500_000) // 1_000_000)

    @property
    def average_bandwidth(self) -> int:
        """The average, in bits a second."""
        return _bandwidth(sum(each.size_bytes for each in self.segments), sum(each.seconds for each in self.segments))

    @property
    def bandwidth(self) -> int:
        """The peak, in bits a second."""
        target_seconds = self.target_seconds
        shortest, longest = _SHORTEST_PEAK * target_seconds, _LONGEST_PEAK * target_seconds
        peak = self.average_bandwidth
        for first in range(len(self.segments)):
            size_bytes, seconds = 0, 0.0
            for index in range(first, len(self.segments)):
                size_bytes += self.segments[index].size_bytes
                seconds += self.segments[index].seconds
                if seconds > longest:
                    break
                if seconds >= shortest:
                    peak = max(peak, _bandwidth(size_bytes, seconds))
        return peak


def segment_name(number: int) -> str:
    """The name of the segment with that number, from 0."""
    return f"{number:05}.m4s"


def media_playlist(rendition: Rendition) -> str:
    """The playlist of one bitrate. The lengths add up to that of the sound, to the microsecond."""
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{rendition.target_seconds}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{INIT}"',
    ]
    for number, microseconds in enumerate(rendition.microseconds):
        lines += [f"#EXTINF:{microseconds / 1e6:.6f},", segment_name(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def master_playlist(renditions: Sequence[Rendition], directory: str) -> str:
    """The playlist of all bitrates, in their order: most players begin with the first.

    `directory` is where they lie beside it.
    """
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rendition in renditions:
        bandwidth = f"BANDWIDTH={rendition.bandwidth},AVERAGE-BANDWIDTH={rendition.average_bandwidth}"
        lines.append(f'#EXT-X-STREAM-INF:{bandwidth},CODECS="{_CODECS}"')
        lines.append(f"{directory}{rendition.name}/{PLAYLIST}")
    return "\n".join([*lines, ""])


def _bandwidth(size_bytes: int, seconds: float) -> int:
    return math.ceil(8 * size_bytes / seconds)
