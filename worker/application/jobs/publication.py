"""The objects of an output, in the order in which they are published: the last one makes it visible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.domain.hls import (
    INIT,
    MEDIA_TYPE,
    PLAYLIST,
    PLAYLIST_TYPE,
    directory_of,
    master_playlist,
    media_location,
    media_playlist,
    segment_name,
)
from worker.domain.job import ObjectLocation, OutputSpec
from worker.ports import Artifact, Stream


@dataclass(frozen=True, slots=True)
class Publication:
    """One object: where it is put, and what it is."""

    location: ObjectLocation
    content_type: str
    artifact: Artifact


def publications_of(job_id: str, run: int, output: OutputSpec, artifact: Artifact) -> Sequence[Publication]:
    """One of a file; of a stream all segments and their playlists, and last the master playlist."""
    if not artifact.streams:
        return [Publication(output.visible_at, output.content_type, artifact)]
    directory = directory_of(output.target, job_id, run)
    objects = [each for stream in artifact.streams for each in _of_stream(stream, directory)]
    master = master_playlist([stream.rendition for stream in artifact.streams], job_id, run)
    return [*objects, Publication(output.visible_at, output.content_type, _text(artifact.path, master))]


def _of_stream(stream: Stream, directory: ObjectLocation) -> Iterator[Publication]:
    rendition = stream.rendition
    init = Artifact(stream.path, 0.0, 0, rendition.init_bytes)
    yield Publication(media_location(directory, rendition, INIT), MEDIA_TYPE, init)
    for number, segment in enumerate(rendition.segments):
        part = Artifact(stream.path, segment.seconds, segment.start, segment.stop)
        yield Publication(media_location(directory, rendition, segment_name(number)), MEDIA_TYPE, part)
    playlist = _text(stream.path, media_playlist(rendition))
    yield Publication(media_location(directory, rendition, PLAYLIST), PLAYLIST_TYPE, playlist)


def _text(path: Path, text: str) -> Artifact:
    return Artifact(path, 0.0, 0, 0, prefix=text.encode())
