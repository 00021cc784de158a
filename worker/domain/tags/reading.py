"""The tags of a source, by its container."""

from __future__ import annotations

from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.around import read_around
from worker.domain.tags.collecting import Tags, merged
from worker.domain.tags.flac import read_flac
from worker.domain.tags.mp4 import read_mp4
from worker.domain.tags.ogg import read_ogg
from worker.domain.tags.riff import read_aiff, read_riff

_WITH_TAGS_AROUND = {
    *(Container.MP3, Container.ADTS, Container.WAVPACK, Container.TTA, Container.MUSEPACK_7, Container.MUSEPACK_8),
    *(Container.APE, Container.AC3, Container.EAC3, Container.DTS),
}


def read_tags(sniffed: Sniffed, read_at: ReadAt, size: int) -> Tags:
    """The fields of the source; none where it has no tags, or those of a kind that is not read here.

    Reads the tags and what leads to them, and not the sound.
    """
    match sniffed.container:
        case Container.FLAC:
            return merged([read_flac(read_at, sniffed.start), read_around(read_at, size)])
        case Container.OGG:
            return read_ogg(read_at, sniffed.start)
        case Container.MP4:
            return read_mp4(read_at, size)
        case Container.WAV:
            return read_riff(read_at, sniffed.start, size)
        case Container.AIFF:
            return read_aiff(read_at, sniffed.start, size)
        case container if container in _WITH_TAGS_AROUND:
            return read_around(read_at, size)
    return {}
