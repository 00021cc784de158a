"""Tags, covers and chapters that a message asks for, in the outputs of each format as others read them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3
from mutagen.mp4 import MP4
from mutagen.wave import WAVE

from tests.support.conversions import an_output, converted, delivered
from tests.support.joins import joined
from tests.support.sounds import SECONDS, listen, sound
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.cover import Cover
from worker.domain.job import ObjectLocation
from worker.domain.loudness import LoudnessTarget
from worker.domain.tags.pictures import picture_of

_WITH_TAGS = [name for name, rules in FORMATS.items() if rules.holds_tags]
_JPEG, _PNG = b"\xff\xd8\xff\xe0" + bytes(3000), b"\x89PNG\r\n\x1a\n" + bytes(2000)
_TAGS = {
    "title": "Ein Stück – 曲 🎶",
    "artist": "Änne",
    "album": "Álbum",
    "album_artist": "Бард",
    "track": "3/12",
    "disc": "1/2",
    "date": "2026-11-26",
    "genre": "Podcast",
    "comment": "eins\nzwei",
    "composer": "Dvořák",
    "lyrics": "Zeile eins\nZeile zwei",
    "My Field": "as it is",
}


def _a_source(directory: Path) -> Path:
    source = directory / "source.flac"
    shutil.copy(sound("plain.flac"), source)
    file = FLAC(source)
    picture = Picture()
    picture.type, picture.mime, picture.data = 3, "image/jpeg", _JPEG
    file.add_picture(picture)
    file["COPYRIGHT"], file["ARTIST"] = "Somebody", ["One", "Two"]
    file["CHAPTER001"], file["CHAPTER001NAME"] = "00:00:01.000", "Ein Kapitel"
    file.save()
    return source


def _described(path: Path) -> dict[str, str]:
    """The tags as ffmpeg reads them, by their names without case and signs; lines of one value are joined.

    Those of chapters stand further right, and are none.
    """
    found: dict[str, str] = {}
    name = ""
    for line in listen(path).described.splitlines():
        if match := re.match(r" {4}(?: {2})?(\S.{15,}?| {16,}): (.*)", line):
            if match[1].strip():
                name = "".join(filter(str.isalnum, match[1].casefold()))
                found.setdefault(name, match[2])
            else:
                found[name] += f"\n{match[2]}"
    return found


@pytest.mark.parametrize("audio_format", _WITH_TAGS)
async def test_tags_of_a_message_are_in_its_output_and_those_of_the_source_beside_them(
    audio_format: AudioFormat, tmp_path: Path
) -> None:
    source = _a_source(tmp_path)

    (artifact,) = await converted(source, tmp_path, an_output(audio_format, tags=_TAGS))

    path = delivered(artifact)
    found = _described(path)
    if audio_format is AudioFormat.WAV:  # ffmpeg reads its LIST INFO alone
        tags = WAVE(path).tags
        found |= {"albumartist": str(tags["TPE2"]), "composer": str(tags["TCOM"]), "disc": str(tags["TPOS"])}
        found |= {"lyrics": str(tags["USLT::eng"]), "myfield": str(tags["TXXX:My Field"])}
    for name, text in _TAGS.items():
        key = "".join(filter(str.isalnum, name.casefold()))
        values = {value for each, value in found.items() if each in {key, f"{key}eng", f"id3v2priv{key}"}}
        numbers = {text, text.partition("/")[0]}  # Vorbis comments have the total in a field of its own
        assert values & numbers, f"{name}: {found}"
    assert found["copyright"] == "Somebody"
    assert "One" not in found["artist"]
    assert listen(path).seconds == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize("audio_format", _WITH_TAGS)
async def test_an_output_that_keeps_nothing_has_only_what_the_message_sets(
    audio_format: AudioFormat, tmp_path: Path
) -> None:
    source = _a_source(tmp_path)
    options: dict[str, Any] = {"keep_tags": False, "tags": {"title": "New", "artist": None}}
    if FORMATS[audio_format].holds_cover:
        options["cover"] = Cover.parse("drop")

    (artifact,) = await converted(source, tmp_path, an_output(audio_format, **options))

    content = delivered(artifact).read_bytes()
    assert b"New" in content
    for gone in (b"Somebody", b"Kapitel", b"Two", _JPEG[:20]):
        assert gone not in content


async def test_outputs_of_one_message_have_each_its_own(tmp_path: Path) -> None:
    source = _a_source(tmp_path)
    other = Cover(location=ObjectLocation("covers", "a.png"), picture=picture_of(_PNG))

    kept, dropped, replaced = map(
        delivered,
        await converted(
            source,
            tmp_path,
            an_output(AudioFormat.MP3),
            an_output(AudioFormat.FLAC, cover=Cover.parse("drop"), tags={"copyright": None}),
            an_output(AudioFormat.M4A, cover=other, keep_tags=False),
        ),
    )

    assert [frame.data for frame in ID3(kept).getall("APIC")] == [_JPEG]
    assert str(ID3(kept)["TCOP"]) == "Somebody"
    assert FLAC(dropped).pictures == []
    assert "copyright" not in FLAC(dropped)
    assert FLAC(dropped)["chapter001name"] == ["Ein Kapitel"]
    assert [bytes(cover) for cover in MP4(replaced)["covr"]] == [_PNG]
    assert set(MP4(replaced).tags) == {"covr"}


async def test_a_wav_has_texts_that_are_longer_than_ffmpeg_can_be_given(tmp_path: Path) -> None:
    long = "ü" * 40_000

    (artifact,) = await converted(_a_source(tmp_path), tmp_path, an_output(AudioFormat.WAV, tags={"comment": long}))

    assert long in {text for frame in WAVE(delivered(artifact)).tags.getall("COMM") for text in frame.text}


@pytest.mark.parametrize("audio_format", [AudioFormat.MP3, AudioFormat.M4A, AudioFormat.FLAC, AudioFormat.OPUS])
async def test_the_volume_for_players_is_not_that_of_a_source_of_another_loudness(
    audio_format: AudioFormat, tmp_path: Path
) -> None:
    source = _a_source(tmp_path)
    file = FLAC(source)
    file["REPLAYGAIN_TRACK_GAIN"], file["R128_TRACK_GAIN"] = "+12.30 dB", "3149"
    file.save()

    as_it_is, louder = await converted(
        source,
        tmp_path,
        an_output(audio_format),
        an_output(audio_format, loudness=LoudnessTarget(-16.0, -1.0)),
    )

    assert _described(delivered(as_it_is))["replaygaintrackgain"] == "+12.30 dB"
    assert not {"replaygaintrackgain", "r128trackgain"} & _described(delivered(louder)).keys()
    assert _described(delivered(louder))["copyright"] == "Somebody"


async def test_the_volume_for_players_of_one_source_is_not_that_of_all_that_are_joined(tmp_path: Path) -> None:
    source = _a_source(tmp_path)
    file = FLAC(source)
    file["REPLAYGAIN_TRACK_GAIN"] = "+12.30 dB"
    file.save()

    tags = (await joined([source, sound("plain.wav")], tmp_path / "joined")).audio.tags

    assert tags["COPYRIGHT"] == ("Somebody",)
    assert "REPLAYGAIN_TRACK_GAIN" not in tags
