"""Tags as ffmpeg describes them, and the options that write them where ffmpeg does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.ffmpeg.tags import described_chapters, described_tags, metadata_for, tag_options
from worker.domain.audio import AudioFormat
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding
from worker.domain.loudness import LoudnessTarget
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.collecting import Tags
from worker.domain.tags.edits import Edits
from worker.ports import SourceAudio

_MATROSKA = """Input #0, matroska,webm, from 'fd:':
  Metadata:
    title           : A title: with a colon
    lyrics-eng      : line1
                    : line2
    MusicBrainz Album Id: mb-1
    ENCODER         : Lavf
    track           : 3/12
  Duration: 00:00:02.35, start: 0.000000, bitrate: 133 kb/s
"""
_OGG = """Input #0, ogg, from 'fd:':
  Duration: 00:00:02.30, start: 0.000000, bitrate: 81 kb/s
  Stream #0:0: Audio: vorbis, 44100 Hz, stereo, fltp, 112 kb/s
    Metadata:
      TITLE           : A title
      TBPM            : 120
Stream mapping:
"""


def _options(
    tags: Tags, audio_format: AudioFormat, container: str = "mp3", asked: dict[str, str] | None = None
) -> list[str]:
    audio = SourceAudio(container, "mp3", 44100, 2, 16, 1.0, 1000, Structure(0, 1000), tags=tags)
    return tag_options(audio, Encoding(audio_format, 44100, 2, 16, None, edits=Edits(asked or {})))


def test_tags_are_read_with_all_their_lines_by_the_names_of_their_fields() -> None:
    assert described_tags(_MATROSKA, "matroska") == {
        "TITLE": ("A title: with a colon",),
        "LYRICS": ("line1\nline2",),
        "MUSICBRAINZ_ALBUMID": ("mb-1",),
        "TRACKNUMBER": ("3",),
        "TRACKTOTAL": ("12",),
    }
    assert described_tags(_OGG, "ogg") == {"TITLE": ("A title",), "BPM": ("120",)}
    assert described_tags("Input #0, wav, from 'fd:':\n  Duration: 00:00:01.00\n", "wav") == {}


_FLV = """Input #0, flv, from 'fd:':
  Metadata:
    hasKeyframes    : true
    hasVideo        : false
    hasMetadata     : true
    canSeekToEnd    : true
    datasize        : 51234
    audiosize       : 50000
    lasttimestamp   : 3
    lastkeyframelocation: 99
    metadatacreator : Yet Another Metadata Injector for FLV
    metadatadate    : Sat Nov 28
    creationdate    : Sat Nov 28
    presetname      : Custom
    title           : A title
    hash            : a tag
  Duration: 00:00:02.35, start: 0.000000, bitrate: 133 kb/s
"""


def test_what_an_flv_says_of_itself_is_no_tag() -> None:
    assert described_tags(_FLV, "flv") == {"TITLE": ("A title",), "hash": ("a tag",)}
    assert len(described_tags(_FLV, "avi")) == 14


def test_chapters_are_read_with_or_without_a_title() -> None:
    described = (
        "Input #0, asf, from 'fd:':\n  Duration: 00:00:02.30, start: 0.000000, bitrate: 81 kb/s\n  Chapters:\n"
        "    Chapter #0:0: start 0.000000, end 1.250000\n      Metadata:\n        title           : One: 1\n"
        "    Chapter #0:1: start 1.250000, end 2.300000\n  Stream #0:0: Audio: wmav2\n"
        "Output #0, mp3, to 'fd:':\n    Chapter #0:0: start 9.000000, end 9.500000\n"
    )

    assert described_chapters(described) == (Chapter(0.0, "One: 1", 1.25), Chapter(1.25, "", 2.3))


def test_a_tag_that_is_not_described_in_full_is_not_taken_for_whole() -> None:
    with_a_long_line = _MATROSKA.replace("line1", "x" * 255)

    assert "LYRICS" not in described_tags(with_a_long_line, "matroska")
    assert set(described_tags(_MATROSKA[: _MATROSKA.index("line2") + 3], "matroska")) == {"TITLE"}


def test_ffmpeg_writes_the_tags_of_the_formats_that_are_not_written_here_by_its_own_names() -> None:
    tags = {"TRACKNUMBER": ("3",), "TRACKTOTAL": ("12",), "ALBUMARTIST": ("A", "B"), "BPM": ("120",), "Mine": ("x",)}

    values = [option for option in _options(tags, AudioFormat.WAV) if "=" in option]

    assert values == ["track=3/12", "album_artist=A; B", "BPM=120", "Mine=x"]
    assert not any("120" in option for option in _options(tags, AudioFormat.MP3))


def test_what_is_too_long_for_the_arguments_of_a_process_is_left_out() -> None:
    options = _options({"LYRICS": ("x" * 65_537,), "TITLE": ("T",)}, AudioFormat.WEBM)

    assert "title=T" in options
    assert max(map(len, options)) < 100


def test_a_track_keeps_its_language_where_it_has_one() -> None:
    assert "0:s:0" in _options({}, AudioFormat.M4A)
    assert "0:s:0" not in _options({}, AudioFormat.FLAC)
    assert "0:s:0" not in _options({}, AudioFormat.M4A, container="ogg")


@given(st.text(), st.sampled_from(["mp3", "ogg"]))
def test_any_description_has_tags_or_none(text: str, container: str) -> None:
    tags = described_tags(f"Input\n  Metadata:\n    {text}", container)

    for name, values in tags.items():
        assert name
        assert values
        assert all(value.strip() and value.encode() for value in values)


def test_of_tags_that_are_too_long_together_the_longest_are_left_out() -> None:
    tags = {"comment": ("x" * 40_000,), "lyrics": ("ü" * 20_000,), "title": ("A title",)}

    options = " ".join(_options(tags, AudioFormat.CAF))

    assert "lyrics=" in options
    assert "title=A title" in options
    assert "comment=" not in options


def test_what_the_message_asks_for_is_no_tag_that_is_left_out() -> None:
    options = " ".join(_options({"comment": ("x" * 6000,)}, AudioFormat.WEBM, asked={"Lyrics": "ü" * 31_000}))

    assert "lyrics=ü" in options.lower()
    assert "comment=" not in options.lower()


_LEVELS = {"REPLAYGAIN_TRACK_GAIN": ("+12.30 dB",), "replaygain_album_peak": ("0.1",), "R128_TRACK_GAIN": ("3149",)}


@pytest.mark.parametrize(
    ("changes", "are_kept"),
    [({}, True), ({"loudness": LoudnessTarget(-16.0, -1.0)}, False), ({"channels": 1}, False)],
    ids=["as it is", "loudness", "mix"],
)
def test_the_level_of_the_source_is_said_of_outputs_that_have_it(changes: dict[str, Any], are_kept: bool) -> None:
    tags = {"TITLE": ("A title",), "iTunNORM": (" 00000A2C",), **_LEVELS}
    audio = SourceAudio("flac", "flac", 44100, 2, 16, 1.0, 1000, Structure(0, 1000), tags=tags)
    encoding = replace(Encoding(AudioFormat.FLAC, 44100, 2, 16, None), **changes)

    assert metadata_for(audio, encoding).tags == (tags if are_kept else {"TITLE": ("A title",)})
    asked = replace(encoding, edits=Edits({"replaygain_track_gain": "-1.00 dB"}))
    assert metadata_for(audio, asked).tags["REPLAYGAIN_TRACK_GAIN"] == ("-1.00 dB",)
