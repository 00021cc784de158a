"""Writes metadata into an output, as its format has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from worker.domain.audio import AudioFormat
from worker.domain.containers.mp4_index import index_in_front
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.flac import flac_in_front
from worker.domain.tags.id3_writing import id3_in_front
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.mp4_chapters_writing import texts_of, with_chapters
from worker.domain.tags.mp4_writing import with_items
from worker.domain.tags.ogg import ogg_in_front
from worker.domain.tags.riff_writing import id3_behind_aiff, id3_behind_wav
from worker.domain.tags.webm_writing import chapters_behind

# The tags of these formats are written here alone; the converter writes those of all others.
WRITTEN_HERE = frozenset(
    {AudioFormat.MP3, AudioFormat.M4A, AudioFormat.ALAC, AudioFormat.FLAC, AudioFormat.OGG, AudioFormat.OPUS}
)


@dataclass(frozen=True, slots=True)
class Front:
    """What stands in front of the file's bytes from `start` to `stop`, and `patches` to be written into these first.

    Patches may reach beyond the file's end, up to `stop`.
    """

    prefix: bytes
    start: int
    stop: int
    patches: Iterator[tuple[int, bytes]] = field(default_factory=lambda: iter(()))


def front_of(audio_format: AudioFormat, read_at: ReadAt, size: int, metadata: Metadata) -> Front:
    """The front of an output with its metadata, and an MP4's index. Raises ValueError where an MP4 is not whole."""
    match audio_format:
        case AudioFormat.M4A | AudioFormat.ALAC:
            return _mp4(read_at, size, metadata)
        case AudioFormat.MP3:
            return Front(*id3_in_front(read_at, metadata), size)
        case AudioFormat.FLAC:
            return Front(*flac_in_front(read_at, metadata), size)
        case AudioFormat.OGG | AudioFormat.OPUS:
            front = ogg_in_front(read_at, metadata)
            return Front(front.prefix, front.stop, size, front.patches) if front else Front(b"", 0, size)
        case AudioFormat.WEBM:
            return _changed(size, chapters_behind(read_at, size, metadata.chapters))
        case AudioFormat.WAV:
            return _changed(size, id3_behind_wav(read_at, size, metadata))
        case AudioFormat.AIFF:
            return _changed(size, id3_behind_aiff(size, metadata))
    return Front(b"", 0, size)


def _mp4(read_at: ReadAt, size: int, metadata: Metadata) -> Front:
    """The front of an MP4. Titles of chapters are media: they take the place of the index, which is sent in front."""
    texts = texts_of(metadata.chapters)

    def changed(moov: bytes) -> bytes:
        return with_chapters(with_items(moov, metadata), metadata.chapters, size - len(moov))

    index = index_in_front(read_at, size, changed)
    return Front(index.prefix, index.start, index.stop + len(texts), iter([(index.stop, texts)] if texts else []))


def _changed(size: int, changes: Iterable[tuple[int, bytes]]) -> Front:
    """A file without a front, with changes in it and behind it."""
    patches = list(changes)
    return Front(b"", 0, max([size, *(offset + len(content) for offset, content in patches)]), iter(patches))
