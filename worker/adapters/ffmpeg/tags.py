"""ffmpeg's side of tags: what it says of containers whose tags are not read here, and what it writes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from worker.domain.audio import AudioFormat
from worker.domain.containers.kinds import Container
from worker.domain.encoding import Encoding
from worker.domain.tags.chapters import Chapter, in_order
from worker.domain.tags.collecting import Collector, Tags, with_total, without_levels
from worker.domain.tags.edits import MAX_ARGUMENT_BYTES
from worker.domain.tags.fields import FIELDS, FRAMES, TOTALS, field_named
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.writing import WRITTEN_HERE
from worker.ports import SourceAudio

_OF_A_TRACK = ("handler_name", "vendor_id", "encoder", "creation_time")
# Their tracks have a language, which is copied from the source's track. The other formats copy no tags of a track.
_WITH_TRACKS = frozenset({AudioFormat.M4A, AudioFormat.ALAC, AudioFormat.WEBM})
_CUT_LINE_BYTES = 252  # a line as long may be cut: 255 bytes are described (libavformat/dump.c), in whole characters

# A line of described tags: a name, which is filled up to 16 characters with blanks, and a line of the value. In the
# further lines of a value the name is blank.
_ENTRY = re.compile(r"(?P<name>.{16,}?): (?P<line>.*)")
# What the programs that write an FLV say in it of the file, among the tags.
_OF_AN_FLV = re.compile(
    r"has[A-Z]\w*|canSeekToEnd|(data|audio|video)size|last(keyframe)?(timestamp|location)|metadata(creator|date)"
    r"|creationdate|presetname"
)
_CHAPTER = re.compile(
    r"^    Chapter #\d+:\d+: start (?P<begin>\d+\.\d+), end (?P<end>\d+\.\d+)$"
    r"(\n      Metadata:\n        title           : (?P<title>.*))?",
    re.MULTILINE,
)


def metadata_of(audio: SourceAudio) -> Metadata:
    """The tags, the cover and the chapters of a source."""
    return Metadata(audio.tags, audio.cover, audio.chapters)


def metadata_for(audio: SourceAudio, encoding: Encoding) -> Metadata:
    """The metadata of an output: the source's, changed as the message asks.

    Tags that state the source's level are left out where the output has another level.
    """
    metadata = metadata_of(audio)
    if encoding.loudness is not None or encoding.channels != audio.channels:
        metadata = replace(metadata, tags=without_levels(metadata.tags))
    return encoding.edits.applied_to(metadata)


def described_tags(described: str, container: str) -> Tags:
    """The tags in ffmpeg's description of a source; those that are too long to be described in full are left out."""
    collector = Collector()
    for name, value in _entries(described, container).items():
        if container == Container.FLV and _OF_AN_FLV.fullmatch(name):
            continue
        collector.add(FRAMES.get(name, name), value)
    return collector.tags


def _entries(described: str, container: str) -> dict[str, str]:
    _, _, rest = described.partition("    Metadata:\n" if container == Container.OGG else "\n  Metadata:\n")
    indent = 6 if container == Container.OGG else 4
    tags: dict[str, str] = {}
    name, too_long = "", set()
    for line in rest.split("\n"):
        entry = _ENTRY.fullmatch(line[indent:])
        if not line.startswith(" " * indent) or entry is None:
            break
        if entry["name"].strip():
            name = entry["name"].rstrip()
            tags[name] = entry["line"]
        elif name:
            tags[name] += "\n" + entry["line"]
        if len(entry["line"].encode()) >= _CUT_LINE_BYTES:
            too_long.add(name)
    else:
        too_long.add(name)  # the description ends within the tags
    return {name: value for name, value in tags.items() if name not in too_long}


def described_chapters(described: str) -> tuple[Chapter, ...]:
    """The chapters in ffmpeg's description of a source, in microseconds."""
    found = _CHAPTER.finditer(described.partition("\nOutput #")[0])
    return in_order(Chapter(float(each["begin"]), each["title"] or "", float(each["end"])) for each in found)


def tag_options(audio: SourceAudio, encoding: Encoding) -> list[str]:
    """ffmpeg's options for the tags of an output.

    ffmpeg copies none by itself but those of a track, such as its language. It writes ours where we do not.
    """
    audio_format = encoding.format
    has_track = audio_format in _WITH_TRACKS and audio.container != Container.OGG
    options = [
        "-map_chapters",
        "-1",
        "-map_metadata:g",
        "-1",
        "-map_metadata:s:a:0",
        f"0:s:{audio.track}" if has_track else "-1",
    ]
    if has_track:
        for name in _OF_A_TRACK:
            options += ["-metadata:s:a:0", f"{name}="]
    if audio_format in WRITTEN_HERE:
        return options
    asked = {_name_for_ffmpeg(field_named(name)) for name, text in encoding.edits.tags.items() if text is not None}
    tags = _named_by_ffmpeg(metadata_for(audio, encoding).tags)
    for name, value in _short_enough(tags, asked).items():
        options += ["-metadata:g", f"{name}={value}"]
    return options


def _short_enough(tags: dict[str, str], asked: Collection[str]) -> dict[str, str]:
    """The tags, without the source's longest ones where all together are too long for ffmpeg's arguments.

    Those that the message `asked` for are short enough. An argument may have 128 KiB, and 16 outputs have their own.
    """
    lengths = {name: len(value.encode()) for name, value in tags.items()}
    while sum(lengths.values()) > MAX_ARGUMENT_BYTES:
        del lengths[max(lengths, key=lambda name: (name not in asked, lengths[name]))]
    return {name: tags[name] for name in lengths}


def _name_for_ffmpeg(name: str) -> str:
    return (FIELDS[name].ffmpeg if name in FIELDS else "") or name


def _named_by_ffmpeg(tags: Tags) -> dict[str, str]:
    """One value for each name; a total that stands beside its number has no name of its own."""
    totals = {total for number, total in TOTALS.items() if number in tags}
    return {
        _name_for_ffmpeg(name): with_total(tags, name) if name in TOTALS else "; ".join(values)
        for name, values in tags.items()
        if name not in totals
    }
