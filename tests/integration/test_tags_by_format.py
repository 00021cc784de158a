"""The tags of a source in each kind of tag, and in the outputs of each format, as mutagen reads them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC
from mutagen.id3 import COMM, ID3, TXXX, UFID, USLT, Frames
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import listen, sound
from worker.domain.audio import AudioFormat

LYRICS = "Первая строка\nzweite Zeile äöü 🎶 " + "la " * 300
# Name, ID3v2.4, MP4, Vorbis comments, values.
_ROWS: Sequence[tuple[str, str, str, str, Sequence[str]]] = [
    ("title", "TIT2", "©nam", "TITLE", ["Ein Stück – 曲"]),
    ("artists", "TPE1", "©ART", "ARTIST", ["Änne", "AC/DC", "Бард"]),
    ("album", "TALB", "©alb", "ALBUM", ["Álbum"]),
    ("album artist", "TPE2", "aART", "ALBUMARTIST", ["Various"]),
    ("composer", "TCOM", "©wrt", "COMPOSER", ["Dvořák"]),
    ("genre", "TCON", "©gen", "GENRE", ["Jazz", "Eigene Art"]),
    ("date", "TDRC", "©day", "DATE", ["1999-05-01"]),
    ("comment", "COMM::eng", "©cmt", "COMMENT", ["ein Kommentar: 100 %"]),
    ("lyrics", "USLT::eng", "©lyr", "LYRICS", [LYRICS.strip()]),
    ("compilation", "TCMP", "cpil", "COMPILATION", ["1"]),
    ("beats", "TBPM", "tmpo", "BPM", ["128"]),
    ("sort name", "TSOP", "soar", "ARTISTSORT", ["Anne, Ä"]),
    ("conductor", "TPE3", "----:com.apple.iTunes:CONDUCTOR", "CONDUCTOR", ["Ein Dirigent"]),
    ("label", "TPUB", "----:com.apple.iTunes:LABEL", "LABEL", ["Ein Haus"]),
    ("key", "TKEY", "----:com.apple.iTunes:initialkey", "KEY", ["Am"]),
    ("recording code", "TSRC", "----:com.apple.iTunes:ISRC", "ISRC", ["DEA459900001"]),
    ("recording", "UFID:http://musicbrainz.org", "----:com.apple.iTunes:MusicBrainz Track Id", "MUSICBRAINZ_TRACKID",
     ["b9ad642e-b012-41c7-b72a-42cf4911f9ff"]),
    ("release", "TXXX:MusicBrainz Album Id", "----:com.apple.iTunes:MusicBrainz Album Id", "MUSICBRAINZ_ALBUMID",
     ["d87e52c5-bb8d-4da8-b941-9f4928627dc8"]),
    ("people", "TXXX:MusicBrainz Artist Id", "----:com.apple.iTunes:MusicBrainz Artist Id", "MUSICBRAINZ_ARTISTID",
     ["mb-artist-1", "mb-artist-2"]),
    ("type", "TXXX:MusicBrainz Album Type", "----:com.apple.iTunes:MusicBrainz Album Type", "RELEASETYPE", ["album"]),
    ("gain", "TXXX:REPLAYGAIN_TRACK_GAIN", "----:com.apple.iTunes:REPLAYGAIN_TRACK_GAIN", "REPLAYGAIN_TRACK_GAIN",
     ["-6.20 dB"]),
    ("own", "TXXX:My Own Field", "----:com.apple.iTunes:My Own Field", "My Own Field", ["eigenes"]),
]  # fmt: skip
_NUMBERS = (3, 12, 1, 2)  # track and tracks, disc and discs


def _write_id3(path: Path, *, version: int = 4, encoding: int = 3) -> None:
    tags = ID3()
    for _, name, _, _, values in _ROWS:
        frame, _, rest = name.partition(":")
        if frame == "COMM":
            tags.add(COMM(encoding=encoding, lang="eng", desc="", text=values))
        elif frame == "USLT":
            tags.add(USLT(encoding=encoding, lang="eng", desc="", text=values[0]))
        elif frame == "UFID":
            tags.add(UFID(owner=rest, data=values[0].encode()))
        elif frame == "TXXX":
            tags.add(TXXX(encoding=encoding, desc=rest, text=values))
        else:
            tags.add(Frames[frame](encoding=encoding, text=values))
    track, tracks, disc, discs = _NUMBERS
    tags.add(Frames["TRCK"](encoding=3, text=f"{track}/{tracks}"))
    tags.add(Frames["TPOS"](encoding=3, text=f"{disc}/{discs}"))
    tags.add(Frames["TSSE"](encoding=3, text="Some Encoder"))
    if version == 3:
        tags.delall("TDRC")
        tags.add(Frames["TYER"](encoding=3, text="1999"))
        tags.add(Frames["TDAT"](encoding=3, text="0105"))
    tags.save(path, v2_version=version, v23_sep=None)


def _write_mp4(path: Path) -> None:
    file = MP4(path)
    for _, _, name, _, values in _ROWS:
        if name == "cpil":
            file[name] = True
        elif name == "tmpo":
            file[name] = [int(values[0])]
        else:
            file[name] = [value.encode() if name.startswith("----") else value for value in values]
    file["trkn"], file["disk"] = [_NUMBERS[:2]], [_NUMBERS[2:]]
    file["----:com.apple.iTunes:iTunSMPB"], file["©too"] = [b"Some Encoder"], ["Some Encoder"]
    file.save()


def _write_comments(kind: Callable[[Path], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        file = kind(path)
        file.delete()
        for _, _, _, name, values in _ROWS:
            file[name] = list(values)
        file["TRACKNUMBER"], file["TRACKTOTAL"], file["DISCNUMBER"], file["DISCTOTAL"] = map(str, _NUMBERS)
        file["ENCODER"] = "Some Encoder"
        file.save()

    return write


def _write_ape(path: Path) -> None:
    tags = APEv2()
    for _, _, _, name, values in _ROWS:
        tags[name] = list(values)
    tags["Track"], tags["Disc"] = "{}/{}".format(*_NUMBERS[:2]), "{}/{}".format(*_NUMBERS[2:])
    tags.save(path)


_SOURCES: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "id3v2.4": ("bare.mp3", _write_id3),
    "id3v2.4 in UTF-16": ("bare.mp3", lambda path: _write_id3(path, encoding=1)),
    "id3v2.3": ("bare.mp3", lambda path: _write_id3(path, version=3, encoding=1)),
    "apev2": ("bare.mp3", _write_ape),
    "mp4": ("end.m4a", _write_mp4),
    "flac": ("plain.flac", _write_comments(FLAC)),
    "vorbis": ("plain.ogg", _write_comments(OggVorbis)),
    "opus": ("plain.opus", _write_comments(OggOpus)),
}


def _id3_of(tags: ID3) -> dict[str, list[str]]:
    assert tags.version == (2, 4, 0)
    found = {}
    for _, name, _, _, _ in [*_ROWS, ("", "TRCK", "", "", []), ("", "TPOS", "", "", [])]:
        frame = tags.get(name)
        content = getattr(frame, "data", b"").decode() or getattr(frame, "text", "")
        found[name] = [content] if isinstance(content, str) else [str(text) for text in content]
    return found


def _mp4_of(path: Path) -> dict[str, list[str]]:
    return {
        name: [value.decode() if isinstance(value, bytes) else str(value) for value in values]
        if isinstance(values, list)
        else [str(int(values))]
        for name, values in MP4(path).tags.items()
    }


def _comments_of(kind: Callable[[Path], Any], path: Path) -> dict[str, list[str]]:
    return {name.upper(): values for name, values in kind(path).tags.as_dict().items()}


@pytest.mark.parametrize("kind", _SOURCES)
async def test_every_field_is_in_every_output_under_the_name_of_its_kind_of_tag(kind: str, tmp_path: Path) -> None:
    name, write = _SOURCES[kind]
    source = tmp_path / name
    shutil.copy(sound(name), source)
    write(source)
    formats = (
        *(AudioFormat.MP3, AudioFormat.M4A, AudioFormat.ALAC, AudioFormat.FLAC, AudioFormat.OGG, AudioFormat.OPUS),
        *(AudioFormat.WAV, AudioFormat.AIFF),
    )

    paths = [delivered(artifact) for artifact in await converted(source, tmp_path, *map(an_output, formats))]

    mp3, m4a, alac, flac, ogg, opus, wav, aiff = paths
    track, tracks, disc, discs = _NUMBERS
    of_id3 = {name: list(values) for _, name, _, _, values in _ROWS}
    for tags in (ID3(mp3), WAVE(wav).tags, AIFF(aiff).tags):
        assert _id3_of(tags) == of_id3 | {"TRCK": [f"{track}/{tracks}"], "TPOS": [f"{disc}/{discs}"]}
    of_mp4 = {name: list(values) for _, _, name, _, values in _ROWS}
    for path in (m4a, alac):
        assert _mp4_of(path) == of_mp4 | {"trkn": [str((track, tracks))], "disk": [str((disc, discs))]}
    of_comments = {name.upper(): list(values) for _, _, _, name, values in _ROWS} | {
        "TRACKNUMBER": [str(track)],
        "TRACKTOTAL": [str(tracks)],
        "DISCNUMBER": [str(disc)],
        "DISCTOTAL": [str(discs)],
    }
    for reader, path in ((FLAC, flac), (OggVorbis, ogg), (OggOpus, opus)):
        assert _comments_of(reader, path) == of_comments
    for path in paths:
        heard = listen(path)
        assert "Ein Stück – 曲" in heard.described
        assert b"Some Encoder" not in path.read_bytes()
