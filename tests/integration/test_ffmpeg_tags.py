"""Which tags of a source are in its outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import listen, run_ffmpeg, sound
from worker.domain.audio import AudioFormat

_FORMATS = (AudioFormat.MP3, AudioFormat.M4A, AudioFormat.FLAC, AudioFormat.OGG, AudioFormat.OPUS)


@pytest.mark.parametrize("name", ["plain.mp3", "end.m4a", "plain.flac", "plain.ogg"])
async def test_what_says_how_the_source_was_made_is_left_out_and_the_rest_is_kept(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    tags = {"encoded_by": "Some Encoder 1.0", "iTunSMPB": "00000840", "copyright": "Somebody"}
    options = [option for key, value in tags.items() for option in ("-metadata", f"{key}={value}")]
    run_ffmpeg("-i", str(sound(name)), "-c", "copy", "-movflags", "+use_metadata_tags", *options, str(source))
    assert "Some Encoder" in listen(source).described

    artifacts = await converted(source, tmp_path, *map(an_output, _FORMATS))

    for artifact in artifacts:
        described = listen(delivered(artifact)).described
        assert "A title" in described
        assert "Somebody" in described
        for stale in ("Some Encoder", "00000840", "iTunSMPB"):
            assert stale not in described
        if artifact.path.suffix != ".m4a":
            assert "brand" not in described
            assert "SoundHandler" not in described


async def test_tags_of_an_mp3_have_the_names_of_the_outputs_formats(tmp_path: Path) -> None:
    source = tmp_path / "source.mp3"
    tags = {"TBPM": "120", "track": "3/12", "MusicBrainz Album Id": "mb-1", "lyrics-eng": "one\ntwo"}
    options = [option for key, value in tags.items() for option in ("-metadata", f"{key}={value}")]
    run_ffmpeg("-i", str(sound("plain.mp3")), "-c", "copy", *options, str(source))

    flac, m4a = await converted(source, tmp_path, an_output(AudioFormat.FLAC), an_output(AudioFormat.M4A))

    described = listen(delivered(flac)).described
    for line in (
        *("BPM             : 120", "track           : 3\n", "TRACKTOTAL      : 12"),
        *("MUSICBRAINZ_ALBUMID: mb-1", "LYRICS          : one\n                    : two"),
    ):
        assert line in described
    assert "TBPM" not in described
    described = listen(delivered(m4a)).described
    assert "track           : 3/12" in described
    assert "lyrics          : one\n                    : two" in described


async def test_tags_of_a_flac_have_the_names_of_id3(tmp_path: Path) -> None:
    source = tmp_path / "source.flac"
    tags = {"BPM": "120", "track": "3", "TRACKTOTAL": "12", "MUSICBRAINZ_ARTISTID": "mb-2"}
    options = [option for key, value in tags.items() for option in ("-metadata", f"{key}={value}")]
    run_ffmpeg("-i", str(sound("plain.flac")), "-c", "copy", *options, str(source))

    (mp3,) = await converted(source, tmp_path, an_output(AudioFormat.MP3))

    described = listen(delivered(mp3)).described
    for line in ("TBPM            : 120", "track           : 3/12", "MusicBrainz Artist Id: mb-2"):
        assert line in described


async def test_lyrics_with_lines_that_are_too_long_to_be_described_keep_all_their_words(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source.mp3"
    lyrics = tmp_path / "lyrics"
    lyrics.write_text(";FFMETADATA1\nlyrics-eng=" + "la" * 500 + " end\n")
    run_ffmpeg("-i", str(sound("plain.mp3")), "-i", str(lyrics), "-map_metadata", "1", "-c", "copy", str(source))

    (flac,) = await converted(source, tmp_path, an_output(AudioFormat.FLAC))

    assert b"LYRICS=" + b"la" * 500 + b" end" in delivered(flac).read_bytes()
