"""A reader of HLS playlists by RFC 8216 that refuses what the document forbids, and streams as they are published."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from worker.adapters.disk import read_artifact
from worker.application.jobs.publication import hidden_objects, visible_object
from worker.domain.job import OutputSpec
from worker.ports import Artifact

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(?:,|$)')
_DURATION = re.compile(r"#EXTINF:(\d+(?:\.\d+)?),.*")
_ONCE = {
    "#EXT-X-VERSION",
    "#EXT-X-TARGETDURATION",
    "#EXT-X-MEDIA-SEQUENCE",
    "#EXT-X-PLAYLIST-TYPE",
    "#EXT-X-INDEPENDENT-SEGMENTS",
    "#EXT-X-MAP",
    "#EXT-X-ENDLIST",
}
Fetch = Callable[[str], bytes]  # what lies at a URI


class PlaylistError(ValueError):
    """The playlist breaks a rule of RFC 8216."""


@dataclass(frozen=True)
class Variant:
    """One stream of a master playlist; bandwidths are in bits a second."""

    uri: str
    bandwidth: int
    average_bandwidth: int
    codecs: str


@dataclass(frozen=True)
class MediaPlaylist:
    """A playlist of segments with what stands before them."""

    target_seconds: int
    init: str
    segments: list[tuple[str, float]]

    @property
    def seconds(self) -> float:
        return sum(seconds for _, seconds in self.segments)


@dataclass(frozen=True)
class HlsStream:
    """A variant as a player reads it: its playlist, and the bytes of its segments behind those of the init section."""

    variant: Variant
    playlist: MediaPlaylist
    init: bytes
    segments: list[bytes]

    @property
    def sound(self) -> bytes:
        return self.init + b"".join(self.segments)


def read_master(text: str) -> list[Variant]:
    """The variants of a master playlist. Raises PlaylistError."""
    lines = _lines(text)
    variants = []
    for line in lines:
        name, _, value = line.partition(":")
        if name == "#EXT-X-STREAM-INF":
            uri = next(lines, "#")
            if uri.startswith("#"):
                raise PlaylistError("a variant has no URI in the line after it (4.3.4.2)")
            attributes = dict(_ATTRIBUTE.findall(value))
            variants.append(
                Variant(
                    uri,
                    int(attributes["BANDWIDTH"]),
                    int(attributes["AVERAGE-BANDWIDTH"]),
                    attributes["CODECS"].strip('"'),
                )
            )
        elif name not in {"#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS"}:
            raise PlaylistError(f"{name} does not belong into a master playlist")
    if not variants:
        raise PlaylistError("there is no variant")
    return variants


def read_media(text: str) -> MediaPlaylist:
    """A complete media playlist of fragmented MP4. Raises PlaylistError."""
    tags: dict[str, str] = {}
    segments: list[tuple[str, float]] = []
    seconds: float | None = None
    for line in _lines(text):
        if "#EXT-X-ENDLIST" in tags:
            raise PlaylistError("something follows the end")
        name, _, value = line.partition(":")
        if name in _ONCE:
            if name in tags:
                raise PlaylistError(f"{name} stands there twice")
            tags[name] = value
        elif found := _DURATION.fullmatch(line):
            seconds = float(found[1])
        elif line.startswith("#") or seconds is None or "#EXT-X-MAP" not in tags:
            raise PlaylistError(f"{line} is not expected here")
        else:
            segments.append((line, seconds))
            seconds = None
    target = int(tags["#EXT-X-TARGETDURATION"])
    if any(int(length + 0.5) > target for _, length in segments):
        raise PlaylistError("a segment is longer than the target duration (4.3.3.1)")
    if int(tags["#EXT-X-VERSION"]) < 6:
        raise PlaylistError("EXT-X-MAP without EXT-X-I-FRAMES-ONLY needs version 6 (section 7)")
    if (tags["#EXT-X-PLAYLIST-TYPE"], "#EXT-X-ENDLIST" in tags) != ("VOD", True) or not segments:
        raise PlaylistError("the playlist is not complete")
    return MediaPlaylist(target, dict(_ATTRIBUTE.findall(tags["#EXT-X-MAP"]))["URI"].strip('"'), segments)


def play(master: str, fetch: Fetch) -> list[HlsStream]:
    """Read every variant of the master playlist at that URI, with all that it names. Raises PlaylistError."""
    streams = []
    for variant in read_master(fetch(master).decode()):
        uri = urljoin(master, variant.uri)
        playlist = read_media(fetch(uri).decode())
        init, *segments = (
            fetch(urljoin(uri, each)) for each in (playlist.init, *(each for each, _ in playlist.segments))
        )
        streams.append(HlsStream(variant, playlist, init, segments))
    return streams


def published(output: OutputSpec, artifact: Artifact, directory: Path) -> Path:
    """Write the stream's objects as files beneath the directory. Returns the path of the master playlist."""
    beneath = "job/1-1/"
    for each in (*hidden_objects(output, artifact, beneath), visible_object(output, artifact, beneath)):
        path = directory / each.location.key.removeprefix(output.target.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read_artifact(each.artifact, 0, each.artifact.size_bytes))
    return directory / "master.m3u8"


def _lines(text: str) -> Iterator[str]:
    """The lines without the first, which must be #EXTM3U, and without empty ones."""
    first, *lines = text.split("\n")
    if first != "#EXTM3U" or "\r" in text or not text.endswith("\n"):
        raise PlaylistError("the playlist does not begin with #EXTM3U (4.3.1.1)")
    return iter([line for line in lines if line])
