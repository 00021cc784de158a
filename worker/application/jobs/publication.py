"""The objects of an output, in the order in which they are published: the last one makes it visible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from worker.domain.hls import (
    INIT,
    MEDIA_TYPE,
    PLAYLIST,
    PLAYLIST_TYPE,
    master_playlist,
    media_playlist,
    segment_name,
)
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.stream_layout import in_directory
from worker.ports import Artifact, Stream


@dataclass(frozen=True, slots=True)
class Publication:
    """One object: where it is put, and what it is. `directory` is the one that a master playlist names."""

    location: ObjectLocation
    content_type: str
    artifact: Artifact
    directory: str | None = None


def hidden_objects(output: OutputSpec, artifact: Artifact, directory: str) -> Iterator[Publication]:
    """The objects that nobody sees before `visible_object` is there: a stream's segments and their playlists.

    They are made one by one: there may be a hundred thousand.
    """
    for stream in artifact.streams:
        yield from _of_stream(stream, output.target, directory)


def visible_object(output: OutputSpec, artifact: Artifact, directory: str) -> Publication:
    """The object that makes an output visible: its file, or the master playlist of a stream."""
    if not artifact.streams:
        return Publication(output.visible_at, output.content_type, artifact)
    master = master_playlist([stream.rendition for stream in artifact.streams], directory)
    return Publication(output.visible_at, output.content_type, _text(artifact.path, master), directory)


def _of_stream(stream: Stream, target: ObjectLocation, directory: str) -> Iterator[Publication]:
    rendition = stream.rendition
    init = Artifact(stream.path, 0.0, 0, rendition.init_bytes)
    yield Publication(in_directory(target, directory, rendition, INIT), MEDIA_TYPE, init)
    for number, segment in enumerate(rendition.segments):
        part = Artifact(stream.path, segment.seconds, segment.start, segment.stop)
        yield Publication(in_directory(target, directory, rendition, segment_name(number)), MEDIA_TYPE, part)
    playlist = _text(stream.path, media_playlist(rendition))
    yield Publication(in_directory(target, directory, rendition, PLAYLIST), PLAYLIST_TYPE, playlist)


def _text(path: Path, text: str) -> Artifact:
    return Artifact(path, 0.0, 0, 0, prefix=text.encode())
