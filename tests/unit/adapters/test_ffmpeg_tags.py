"""Tags as ffmpeg describes them, and their names in each kind of format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.ffmpeg.tags import read_tags, renamed
from worker.domain.audio import AudioFormat

_MP3 = """Input #0, mp3, from 'fd:':
  Metadata:
    title           : A title: with a colon
    lyrics-eng      : line1
                    : line2
    MusicBrainz Album Id: mb-1
  Duration: 00:00:02.35, start: 0.000000, bitrate: 133 kb/s
"""
_OGG = """Input #0, ogg, from 'fd:':
  Duration: 00:00:02.30, start: 0.000000, bitrate: 81 kb/s
  Stream #0:0: Audio: vorbis, 44100 Hz, stereo, fltp, 112 kb/s
    Metadata:
      TITLE           : A title
      BPM             : 120
Stream mapping:
"""


def test_tags_are_read_with_all_their_lines() -> None:
    assert read_tags(_MP3, "mp3") == {
        "title": "A title: with a colon",
        "lyrics-eng": "line1\nline2",
        "MusicBrainz Album Id": "mb-1",
    }
    assert read_tags(_OGG, "ogg") == {"TITLE": "A title", "BPM": "120"}
    assert read_tags("Input #0, wav, from 'fd:':\n  Duration: 00:00:01.00\n", "wav") == {}


def test_a_tag_that_is_not_described_in_full_is_not_taken_for_whole() -> None:
    with_a_long_line = _MP3.replace("line1", "x" * 255)

    assert set(read_tags(with_a_long_line, "mp3")) == {"title", "MusicBrainz Album Id"}
    assert set(read_tags(_MP3[: _MP3.index("line2") + 3], "mp3")) == {"title"}


@pytest.mark.parametrize(
    ("audio_format", "tags", "changes"),
    [
        (AudioFormat.FLAC, {"lyrics-eng": "la"}, {"lyrics-eng": "", "LYRICS": "la"}),
        (AudioFormat.M4A, {"LYRICS": "la"}, {}),
        (AudioFormat.M4A, {"UNSYNCEDLYRICS": "la"}, {"UNSYNCEDLYRICS": "", "lyrics": "la"}),
        (AudioFormat.OPUS, {"TBPM": "120"}, {"TBPM": "", "BPM": "120"}),
        (AudioFormat.MP3, {"bpm": "120"}, {"bpm": "", "TBPM": "120"}),
        (AudioFormat.MP3, {"TBPM": "120"}, {}),
        (AudioFormat.OGG, {"track": "3/12"}, {"track": "3", "TRACKTOTAL": "12"}),
        (AudioFormat.MP3, {"track": "3", "TOTALTRACKS": "12"}, {"TOTALTRACKS": "", "track": "3/12"}),
        (AudioFormat.ALAC, {"disc": "1", "DISCTOTAL": "2"}, {"DISCTOTAL": "", "disc": "1/2"}),
        (AudioFormat.FLAC, {"track": "3"}, {}),
        (
            AudioFormat.FLAC,
            {"MusicBrainz Album Id": "mb"},
            {"MusicBrainz Album Id": "", "MUSICBRAINZ_ALBUMID": "mb"},
        ),
        (
            AudioFormat.MP3,
            {"MUSICBRAINZ_ALBUMARTISTID": "mb"},
            {"MUSICBRAINZ_ALBUMARTISTID": "", "MusicBrainz Album Artist Id": "mb"},
        ),
        (AudioFormat.WAV, {"TBPM": "120", "track": "3/12"}, {}),
        (AudioFormat.MP3, {"title": "T", "artist": "A;B", "mine": "x"}, {}),
    ],
)
def test_each_kind_of_format_has_its_own_names(
    audio_format: AudioFormat, tags: dict[str, str], changes: dict[str, str]
) -> None:
    assert renamed(tags, audio_format) == changes


@given(st.text(), st.sampled_from(["mp3", "ogg"]), st.sampled_from(AudioFormat))
def test_any_description_has_tags_or_none(text: str, container: str, audio_format: AudioFormat) -> None:
    assert renamed(read_tags(f"Input\n  Metadata:\n    {text}", container), audio_format) is not None
