"""The fields of a source in the words of an output format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from worker.domain.audio import AudioFormat
from worker.domain.containers.mp4_index import index_in_front
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.flac import flac_in_front
from worker.domain.tags.id3_writing import id3_in_front
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.mp4_writing import with_items
from worker.domain.tags.ogg import ogg_in_front

# The converter writes the tags of all others.
WRITTEN_HERE = frozenset(
    {AudioFormat.MP3, AudioFormat.M4A, AudioFormat.ALAC, AudioFormat.FLAC, AudioFormat.OGG, AudioFormat.OPUS}
)


@dataclass(frozen=True, slots=True)
class Front:
    """What stands in front of the file's bytes from `start` to `stop`, and what is to be written into them before."""

    prefix: bytes
    start: int
    stop: int
    patches: Iterator[tuple[int, bytes]] = field(default_factory=lambda: iter(()))


def front_of(audio_format: AudioFormat, read_at: ReadAt, size: int, metadata: Metadata) -> Front:
    """The front of an output with its metadata, and an MP4's index. Raises ValueError where an MP4 is not whole."""
    match audio_format:
        case AudioFormat.M4A | AudioFormat.ALAC:
            index = index_in_front(read_at, size, lambda moov: with_items(moov, metadata))
            return Front(index.prefix, index.start, index.stop)
        case AudioFormat.MP3:
            return Front(*id3_in_front(read_at, metadata), size)
        case AudioFormat.FLAC:
            return Front(*flac_in_front(read_at, metadata), size)
        case AudioFormat.OGG | AudioFormat.OPUS:
            front = ogg_in_front(read_at, metadata)
            return Front(front.prefix, front.stop, size, front.patches) if front else Front(b"", 0, size)
    return Front(b"", 0, size)
