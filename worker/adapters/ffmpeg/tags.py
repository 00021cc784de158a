"""Which tags of the source the outputs take over, and by which names.

ffmpeg knows common names for few tags (title, artist, track and the like). The others go by each format's own name, so
that a BPM of ID3 would be `TBPM` in a FLAC, where no player looks for it. The names are those of ID3v2.4 (section 4),
of Vorbis comments as players use them, and of MusicBrainz Picard (https://picard-docs.musicbrainz.org).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from worker.domain.audio import AudioFormat
from worker.domain.containers.sniffing import Container
from worker.ports import SourceAudio

# What says how the source was made, and is wrong of the output: the kind of MP4, the encoder, and the samples that it
# put around the sound, which players would cut off again.
_OF_THE_SOURCE_ALONE = ("major_brand", "minor_version", "compatible_brands", "encoder", "encoded_by", "iTunSMPB")
_OF_AN_MP4_TRACK = ("handler_name", "vendor_id")

_ID3, _MP4, _VORBIS = range(3)
_KINDS = {
    AudioFormat.MP3: _ID3,
    AudioFormat.M4A: _MP4,
    AudioFormat.ALAC: _MP4,
    AudioFormat.FLAC: _VORBIS,
    AudioFormat.OGG: _VORBIS,
    AudioFormat.OPUS: _VORBIS,
}
# By column: ID3, MP4, Vorbis comments. An empty name is one that ffmpeg cannot write.
_NAMES = (
    ("lyrics", "lyrics", "LYRICS"),
    ("TBPM", "tmpo", "BPM"),
    ("TSRC", "", "ISRC"),
    ("TKEY", "", "KEY"),
    ("publisher", "", "LABEL"),
    *(
        (f"MusicBrainz {name}", "", f"MUSICBRAINZ_{name.replace(' ', '').upper()}")
        for name in ("Album Id", "Artist Id", "Album Artist Id", "Release Group Id", "Release Track Id", "Track Id")
    ),
)
_LYRICS = re.compile(r"(lyrics|uslt)(-[a-z]{3})?|unsynced ?lyrics", re.IGNORECASE)  # ID3 adds the language
_TOTALS = {"track": ("TRACKTOTAL", "TOTALTRACKS"), "disc": ("DISCTOTAL", "TOTALDISCS")}
_CUT_LINE_BYTES = 252  # of a value's line, 255 are described (libavformat/dump.c), and no part of a character
_MAX_VALUE_BYTES = 65_536  # an argument of a process may have 128 KiB

# Of a dump of tags: a name of at least 16 characters, blanks included, and a line of the value; the name of a further
# line is blank.
_ENTRY = re.compile(r"(?P<name>.{16,}?): (?P<line>.*)")


def read_tags(described: str, container: str) -> dict[str, str]:
    """The tags in ffmpeg's description of a source; those that are too long to be described in full are left out."""
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


def tag_options(audio: SourceAudio, audio_format: AudioFormat) -> list[str]:
    """ffmpeg's options of one output. Ogg keeps its tags on the stream, everything else on the file."""
    stream = f"0:s:{audio.track}"
    options = ["-map_metadata:g", stream if audio.container == Container.OGG else "0:g", "-map_metadata:s:a:0", stream]
    short = {name: value for name, value in audio.tags.items() if len(value.encode()) <= _MAX_VALUE_BYTES}
    changes = dict.fromkeys(_OF_THE_SOURCE_ALONE, "") | renamed(short, audio_format)
    for name, value in changes.items():
        options += ["-metadata:g", f"{name}={value}", "-metadata:s:a:0", f"{name}="]
    for name in _OF_AN_MP4_TRACK:
        options += ["-metadata:s:a:0", f"{name}="]
    return options


def renamed(tags: Mapping[str, str], audio_format: AudioFormat) -> dict[str, str]:
    """What must change for the format: a value for each new name, and an empty one for each that goes."""
    kind = _KINDS.get(audio_format)
    if kind is None:
        return {}
    changes: dict[str, str] = {}
    for name, value in tags.items():
        target = _name_for(name, kind)
        if target and target.casefold() != name.casefold():
            changes |= {name: "", target: value}
    for name, totals in _TOTALS.items():
        changes |= _numbers(tags, name, totals, kind)
    return changes


def _name_for(name: str, kind: int) -> str:
    if _LYRICS.fullmatch(name):
        return _NAMES[0][kind]
    row = next((row for row in _NAMES if name.casefold() in {each.casefold() for each in row if each}), None)
    return row[kind] if row else ""


def _numbers(tags: Mapping[str, str], name: str, totals: tuple[str, ...], kind: int) -> dict[str, str]:
    """ID3 and MP4 have `3/12` where Vorbis comments have a number and a total."""
    number, _, total = tags.get(name, "").partition("/")
    stated = {each: value for each, value in tags.items() if each.upper() in totals}
    total = total or next(iter(stated.values()), "")
    if not number or not total:
        return {}
    gone = dict.fromkeys(stated, "")
    return gone | ({name: number, totals[0]: total} if kind == _VORBIS else {name: f"{number}/{total}"})
