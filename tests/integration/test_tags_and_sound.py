"""What a change of an output's tags must not touch: chapters, pages, gapless headers, languages; and rare sources."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mutagen.id3 import ID3
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from tests.support.conversions import an_output, converted, delivered
from tests.support.reading import bytes_at
from tests.support.sounds import SECONDS, listen, run_ffmpeg, sound
from worker.adapters.disk import read_artifact
from worker.domain.audio import AudioFormat
from worker.domain.containers.ogg_pages import pages

_CHAPTERS = """;FFMETADATA1
title=A title
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2000
title=Two
"""


async def test_lyrics_that_need_more_pages_leave_a_whole_ogg_file(tmp_path: Path) -> None:
    source = tmp_path / "source.ogg"
    shutil.copy(sound("plain.ogg"), source)
    file = OggVorbis(source)
    file["LYRICS"] = "la" * 100_000
    file.save()

    outputs = await converted(source, tmp_path, an_output(AudioFormat.OGG), an_output(AudioFormat.OPUS))

    for artifact, kind in zip(outputs, (OggVorbis, OggOpus), strict=True):
        path = delivered(artifact)
        content = path.read_bytes()
        found = list(pages(bytes_at(content), 0))
        assert [page.number for page in found] == list(range(len(found)))
        assert found[-1].end == len(content) == artifact.size_bytes
        assert kind(path)["LYRICS"] == ["la" * 100_000]
        assert listen(path).seconds == pytest.approx(SECONDS, abs=0.01)


async def test_chapters_stay_where_ffmpeg_writes_them_and_are_no_tags(tmp_path: Path) -> None:
    (tmp_path / "chapters").write_text(_CHAPTERS)
    source = tmp_path / "source.opus"
    run_ffmpeg("-i", str(sound("plain.wav")), "-i", str(tmp_path / "chapters"), "-map_metadata", "1", str(source))
    formats = (AudioFormat.MP3, AudioFormat.M4A, AudioFormat.OPUS)

    mp3, m4a, opus = map(delivered, await converted(source, tmp_path, *map(an_output, formats)))

    for path in (mp3, m4a, opus):
        described = listen(path).described
        assert "Chapter #0:1: start 1." in described
        assert "CHAPTER001" not in described
        assert "title           : A title" in described.replace("TITLE", "title")
    assert [str(frame["TIT2"]) for frame in (chapter.sub_frames for chapter in ID3(mp3).getall("CHAP"))] == [
        "One",
        "Two",
    ]


async def test_the_sound_and_its_gapless_header_follow_on_the_tags_of_an_mp3_and_are_the_same_each_time(
    tmp_path: Path,
) -> None:
    source = sound("plain.mp3")
    (tmp_path / "again").mkdir()

    (first,) = await converted(source, tmp_path, an_output(AudioFormat.MP3))
    (second,) = await converted(source, tmp_path / "again", an_output(AudioFormat.MP3))

    assert read_artifact(first, 0, first.size_bytes) == read_artifact(second, 0, second.size_bytes)
    path = delivered(first)
    behind = path.read_bytes()[ID3(path).size :]
    assert behind.startswith(b"\xff\xfb")
    assert b"LAME" in behind[:200] or b"lame" in behind[:200]
    assert listen(path).seconds == pytest.approx(SECONDS, abs=0.001)


@pytest.mark.parametrize("name", ["tagged.wav", "tagged.mka", "tagged.aiff", "tagged.wma", "tagged.mov", "tagged.tta"])
async def test_other_sources_have_their_tags_in_the_outputs_of_all_formats(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    tags = {"title": "Ein Stück", "artist": "Änne", "comment": "Ein Kommentar", "genre": "Jazz"}
    options = [option for key, value in tags.items() for option in ("-metadata", f"{key}={value}")]
    more = {".aiff": ("-write_id3v2", "1"), ".mov": ("-c:a", "aac")}.get(source.suffix, ())
    run_ffmpeg("-i", str(sound("plain.wav")), "-map_metadata", "-1", *options, *more, str(source))
    formats = (AudioFormat.MP3, AudioFormat.FLAC, AudioFormat.WAV, AudioFormat.WEBM)

    for artifact in await converted(source, tmp_path, *map(an_output, formats)):
        described = listen(delivered(artifact)).described
        for value in tags.values():
            if name != "tagged.tta" or value != "Ein Kommentar":
                assert f": {value}\n" in described
