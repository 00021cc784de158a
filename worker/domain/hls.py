"""HTTP Live Streaming (RFC 8216): one sound at several bitrates, in segments, and the playlists that name them.

Beneath the target lies `master.m3u8`. All else lies in a directory that belongs to one run of one job: what a player
reads by the master playlist of an earlier job is not replaced while it reads it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from worker.domain.limits import Range
from worker.domain.location import MAX_KEY_BYTES, ObjectLocation

MASTER = "master.m3u8"
PLAYLIST = "playlist.m3u8"
INIT = "init.mp4"
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"  # RFC 8216, section 4
MEDIA_TYPE = "audio/mp4"
SEGMENT_SECONDS = Range(2, 20)
DEFAULT_SEGMENT_SECONDS = 6.0
MAX_TARGET_BYTES = MAX_KEY_BYTES - 48  # of a target's key: names beneath it are shorter than the rest

_VERSION = 7  # fragmented MP4 with EXT-X-MAP (section 7 asks for 6)
_CODECS = "mp4a.40.2"  # AAC-LC (RFC 6381, section 3.3), which is what the encoder writes
_DIRECTORY_CHARACTERS = 16  # 64 bits
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
    """The sound at one bitrate. What stands in its file before the first segment is needed to decode any of them."""

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
    def target_seconds(self) -> int:
        """What no segment is longer than, once it is rounded (section 4.3.3.1)."""
        return max(1, *(math.floor(segment.seconds + 0.5) for segment in self.segments))

    @property
    def average_bandwidth(self) -> int:
        """In bits a second."""
        return _bandwidth(sum(each.size_bytes for each in self.segments), sum(each.seconds for each in self.segments))

    @property
    def bandwidth(self) -> int:
        """The peak, in bits a second."""
        shortest, longest = _SHORTEST_PEAK * self.target_seconds, _LONGEST_PEAK * self.target_seconds
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


def visible_at(target: ObjectLocation) -> ObjectLocation:
    """The object by which an output can be read: its target, or the master playlist beneath one that is a prefix."""
    return _beneath(target, MASTER) if target.key.endswith("/") else target


def lies_beneath(location: ObjectLocation, prefix: ObjectLocation) -> bool:
    return location.bucket == prefix.bucket and location.key.startswith(prefix.key)


def directory_of(target: ObjectLocation, job_id: str, run: int) -> ObjectLocation:
    """The prefix of all that this run of the job puts beneath the target, but for the master playlist.

    It is always the same for the same run, and says nothing of the job's id.
    """
    return _beneath(target, f"{_directory(job_id, run)}/")


def media_location(directory: ObjectLocation, rendition: Rendition, name: str) -> ObjectLocation:
    """Where an object of a rendition lies."""
    return _beneath(directory, f"{rendition.name}/{name}")


def segment_name(number: int) -> str:
    """Of the segment with that number, from 0."""
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
    begin = end = 0.0
    for number, segment in enumerate(rendition.segments):
        begin, end = end, end + segment.seconds
        lines += [f"#EXTINF:{round(end, 6) - round(begin, 6):.6f},", segment_name(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def master_playlist(renditions: Sequence[Rendition], job_id: str, run: int) -> str:
    """The playlist of all bitrates, in their order: most players begin with the first."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rendition in renditions:
        bandwidth = f"BANDWIDTH={rendition.bandwidth},AVERAGE-BANDWIDTH={rendition.average_bandwidth}"
        lines.append(f'#EXT-X-STREAM-INF:{bandwidth},CODECS="{_CODECS}"')
        lines.append(f"{_directory(job_id, run)}/{rendition.name}/{PLAYLIST}")
    return "\n".join([*lines, ""])


def _directory(job_id: str, run: int) -> str:
    return hashlib.sha256(f"{job_id}/{run}".encode()).hexdigest()[:_DIRECTORY_CHARACTERS]


def _beneath(prefix: ObjectLocation, name: str) -> ObjectLocation:
    return ObjectLocation(prefix.bucket, prefix.key + name)


def _bandwidth(size_bytes: int, seconds: float) -> int:
    return math.ceil(8 * size_bytes / seconds)
