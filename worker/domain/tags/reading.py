"""Reads the metadata of a source, by its container."""

from __future__ import annotations

from collections.abc import Iterable

from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.around import chapters_around, pictures_around, read_around
from worker.domain.tags.asf import read_asf
from worker.domain.tags.chapters import Chapter, in_order
from worker.domain.tags.collecting import Tags, merged
from worker.domain.tags.flac import chapters_of_flac, pictures_of_flac, read_flac
from worker.domain.tags.id3 import pictures_of_id3
from worker.domain.tags.id3_chapters import chapters_of_id3
from worker.domain.tags.matroska import read_matroska
from worker.domain.tags.matroska_embedded import chapters_of_matroska, pictures_of_matroska
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.mp4 import pictures_of_mp4, read_mp4
from worker.domain.tags.mp4_chapters import chapters_of_mp4
from worker.domain.tags.ogg import chapters_of_ogg, pictures_of_ogg, read_ogg
from worker.domain.tags.pictures import chosen
from worker.domain.tags.riff import id3_of_aiff, id3_of_riff, read_aiff, read_riff

_WITH_TAGS_AROUND = {
    *(Container.MP3, Container.ADTS, Container.WAVPACK, Container.TTA, Container.MUSEPACK_7, Container.MUSEPACK_8),
    *(Container.APE, Container.AC3, Container.EAC3, Container.DTS),
}


def read_metadata(sniffed: Sniffed, read_at: ReadAt, size: int) -> Metadata:
    """Tags, cover and chapters of the source. Reads them and what leads to them, and not the sound."""
    return Metadata(
        read_tags(sniffed, read_at, size),
        chosen(_pictures(sniffed, read_at, size)),
        in_order(_chapters(sniffed, read_at, size)),
    )


def _chapters(sniffed: Sniffed, read_at: ReadAt, size: int) -> Iterable[Chapter]:
    match sniffed.container:
        case Container.FLAC:
            return chapters_of_flac(read_at, sniffed.start)
        case Container.OGG:
            return chapters_of_ogg(read_at, sniffed.start)
        case Container.MP4:
            return chapters_of_mp4(*_as_alone(sniffed, read_at, size))
        case Container.MATROSKA:
            return chapters_of_matroska(read_at, sniffed.start, size)
        case Container.WAV | Container.AIFF:
            tag = _chunk_of_id3(sniffed, read_at, size)
            return () if tag is None else chapters_of_id3(read_at, tag)
        case container if container in _WITH_TAGS_AROUND:
            return chapters_around(read_at)
    return ()


def _pictures(sniffed: Sniffed, read_at: ReadAt, size: int) -> Iterable[tuple[int, bytes]]:
    match sniffed.container:
        case Container.FLAC:
            return pictures_of_flac(read_at, sniffed.start)
        case Container.OGG:
            return pictures_of_ogg(read_at, sniffed.start)
        case Container.MP4:
            return pictures_of_mp4(*_as_alone(sniffed, read_at, size))
        case Container.MATROSKA:
            return pictures_of_matroska(read_at, sniffed.start, size)
        case Container.WAV | Container.AIFF:
            tag = _chunk_of_id3(sniffed, read_at, size)
            return () if tag is None else pictures_of_id3(read_at, tag)
        case container if container in _WITH_TAGS_AROUND:
            return pictures_around(read_at, size)
    return ()


def _as_alone(sniffed: Sniffed, read_at: ReadAt, size: int) -> tuple[ReadAt, int]:
    """The file without what stands in front of its container: an MP4 states offsets from its own beginning."""
    return lambda offset, length: read_at(sniffed.start + offset, length), size - sniffed.start


def _chunk_of_id3(sniffed: Sniffed, read_at: ReadAt, size: int) -> int | None:
    find = id3_of_riff if sniffed.container is Container.WAV else id3_of_aiff
    return find(read_at, sniffed.start, size)


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
            return read_mp4(*_as_alone(sniffed, read_at, size))
        case Container.MATROSKA:
            return read_matroska(read_at, sniffed.start, size)
        case Container.ASF:
            return read_asf(read_at, sniffed.start)
        case Container.WAV:
            return read_riff(read_at, sniffed.start, size)
        case Container.AIFF:
            return read_aiff(read_at, sniffed.start, size)
        case container if container in _WITH_TAGS_AROUND:
            return read_around(read_at, size)
    return {}
