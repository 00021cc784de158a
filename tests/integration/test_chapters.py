"""The chapters of a source in each kind of tag, and in the outputs of each format, as others read them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from mutagen.aiff import AIFF
from mutagen.flac import FLAC
from mutagen.id3 import CHAP, CTOC, ID3, TIT2, CTOCFlags
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import SECONDS, listen, run_ffmpeg, sound
from worker.domain.audio import AudioFormat
from worker.domain.trimming import TrimSilence

_FORMATS = (
    *(AudioFormat.MP3, AudioFormat.M4A, AudioFormat.ALAC, AudioFormat.FLAC, AudioFormat.OGG, AudioFormat.OPUS),
    *(AudioFormat.WEBM, AudioFormat.WAV, AudioFormat.AIFF),
)
_CHAPTERS = [(0.0, "Vorwort – 序"), (0.75, "Zweites; = \\ Kapitel"), (1.501, "Änderung"), (2.25, "")]
_LISTED = re.compile(
    r"Chapter #0:\d+: start (\d+\.\d+), end (\d+\.\d+)\n(?:      Metadata:\n        title           : (.*)\n)?"
)

Chapters = Sequence[tuple[float, str]]


def _write_id3(tags: Any, chapters: Chapters = _CHAPTERS, *, encoding: int = 3) -> None:
    names = [f"kapitel {number}" for number in range(len(chapters))]
    ends = [*(begin for begin, _ in chapters[1:]), SECONDS]
    flags = CTOCFlags.TOP_LEVEL | CTOCFlags.ORDERED
    if len(names) < 256:
        tags.add(CTOC(element_id="toc", flags=flags, child_element_ids=names, sub_frames=[]))
    for name, (begin, title), end in zip(names, chapters, ends, strict=True):
        titles = [TIT2(encoding=encoding, text=title)] if title else []
        times = {"start_time": round(1000 * begin), "end_time": round(1000 * end)}
        tags.add(CHAP(element_id=name, **times, start_offset=0xFFFFFFFF, end_offset=0xFFFFFFFF, sub_frames=titles))


def _in_front(path: Path) -> None:
    tags = ID3()
    _write_id3(tags)
    tags.save(path)


def _in_version_3(path: Path) -> None:
    tags = ID3()
    _write_id3(tags, encoding=1)
    tags.save(path, v2_version=3)


def _in_chunk(kind: Callable[[Path], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        file = kind(path)
        if file.tags is None:
            file.add_tags()
        _write_id3(file.tags)
        file.save()

    return write


def _in_comments(kind: Callable[[Path], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        file = kind(path)
        for number, (begin, title) in enumerate(_CHAPTERS):
            file[f"CHAPTER{number:03}"] = f"00:00:{begin:06.3f}"
            if title:
                file[f"CHAPTER{number:03}NAME"] = title
        file.save()

    return write


def _by_ffmpeg(path: Path) -> None:
    """The chapters that ffmpeg writes: in MP4 both of its kinds."""
    lines = [";FFMETADATA1"]
    for (begin, title), end in zip(_CHAPTERS, [*(begin for begin, _ in _CHAPTERS[1:]), SECONDS], strict=True):
        escaped = re.sub(r"([=;#\\])", r"\\\1", title)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={round(1000 * begin)}", f"END={round(1000 * end)}"]
        lines += [f"title={escaped}"] if title else []
    listed, bare = path.with_suffix(".txt"), path.with_name(f"bare{path.suffix}")
    listed.write_text("\n".join(lines) + "\n")
    shutil.move(path, bare)
    run_ffmpeg("-i", str(bare), "-i", str(listed), "-map", "0:a", "-map_chapters", "1", "-c", "copy", str(path))


_SOURCES: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "id3v2.4": ("plain.mp3", _in_front),
    "id3v2.3": ("plain.mp3", _in_version_3),
    "id3 in wav": ("plain.wav", _in_chunk(WAVE)),
    "id3 in aiff": ("plain.aiff", _in_chunk(AIFF)),
    "mp4": ("end.m4a", _by_ffmpeg),
    "flac": ("plain.flac", _in_comments(FLAC)),
    "vorbis": ("plain.ogg", _in_comments(OggVorbis)),
    "opus": ("plain.opus", _in_comments(OggOpus)),
    "matroska": ("plain.webm", _by_ffmpeg),
    "wma": ("plain.wma", _by_ffmpeg),
}


def _a_source(kind: str, directory: Path) -> Path:
    name, write = _SOURCES[kind]
    source = directory / f"source{Path(name).suffix}"
    shutil.copy(sound(name), source)
    write(source)
    return source


def _listed(path: Path) -> list[tuple[float, str]]:
    """As ffmpeg reads them. A chapter of ID3 without a title goes by its identifier there."""
    found = _LISTED.findall(listen(path).described)
    return [(float(begin), "" if re.fullmatch(r"chp\d+", title) else title) for begin, _, title in found]


def _chapters_of(path: Path) -> list[tuple[float, str]]:
    """As mutagen reads them."""
    match path.suffix:
        case ".mp3" | ".wav" | ".aiff":
            tags = {".mp3": ID3, ".wav": WAVE, ".aiff": AIFF}[path.suffix](path)
            tags = tags if path.suffix == ".mp3" else tags.tags
            found = {frame.element_id: frame for frame in tags.getall("CHAP")}
            (table,) = tags.getall("CTOC")
            ordered = [found[name] for name in table.child_element_ids]
            return [(frame.start_time / 1000, "".join(map(str, frame.sub_frames.getall("TIT2")))) for frame in ordered]
        case ".m4a" | ".alac":
            return [(chapter.start, chapter.title) for chapter in MP4(path).chapters or []]
        case ".flac" | ".ogg" | ".opus":
            comments = {".flac": FLAC, ".ogg": OggVorbis, ".opus": OggOpus}[path.suffix](path)
            names = sorted(name for name in comments if re.fullmatch(r"chapter\d{3}", name))
            times = [re.fullmatch(r"(\d\d):(\d\d):(\d\d\.\d{3})", comments[name][0]) for name in names]
            return [
                (3600 * int(time[1]) + 60 * int(time[2]) + float(time[3]), comments.get(f"{name}name", [""])[0])
                for name, time in zip(names, times, strict=True)
                if time
            ]
    return _listed(path)


@pytest.mark.parametrize("kind", _SOURCES)
async def test_every_chapter_is_in_every_output_at_its_time(kind: str, tmp_path: Path) -> None:
    source = _a_source(kind, tmp_path)

    paths = [delivered(each) for each in await converted(source, tmp_path, *map(an_output, _FORMATS))]

    for path in paths:
        assert _chapters_of(path) == _CHAPTERS, path.suffix
        if path.suffix != ".wav":  # of which ffmpeg reads none
            assert _listed(path) == _CHAPTERS, path.suffix
        assert listen(path).seconds == pytest.approx(SECONDS, abs=0.06)


async def test_a_format_without_a_place_for_chapters_has_none(tmp_path: Path) -> None:
    source = _a_source("flac", tmp_path)

    aac, caf = await converted(source, tmp_path, an_output(AudioFormat.AAC), an_output(AudioFormat.CAF))

    for artifact in (aac, caf):
        assert b"Vorwort" not in delivered(artifact).read_bytes()


async def test_chapters_of_a_part_of_the_source_are_those_of_its_times(tmp_path: Path) -> None:
    source = _a_source("matroska", tmp_path)
    cut = {"start_seconds": 1.0, "end_seconds": 2.0}

    paths = [delivered(each) for each in await converted(source, tmp_path, *(an_output(f, **cut) for f in _FORMATS))]

    for path in paths:
        assert _chapters_of(path) == [(0.0, _CHAPTERS[1][1]), (0.501, _CHAPTERS[2][1])], path.suffix


async def test_chapters_stay_at_their_sounds_where_silence_before_them_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "source.flac"
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=2,adelay=1000,apad=pad_dur=1", "-sample_fmt", "s16", str(source))
    file = FLAC(source)
    file["CHAPTER001"], file["CHAPTER002"] = "00:00:00.500", "00:00:02.000"
    file.save()
    trim = TrimSilence(threshold_db=-50.0, keep_seconds=0.25)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.FLAC, trim_silence=trim))

    (_, second) = _chapters_of(delivered(artifact))
    assert second[0] == pytest.approx(1.25, abs=0.002)


async def test_so_many_chapters_as_can_be_numbered_are_kept_and_the_sound_with_them(tmp_path: Path) -> None:
    chapters = [(number / 1000, f"Kapitel {number}") for number in range(1500)]
    source = tmp_path / "source.mp3"
    shutil.copy(sound("plain.mp3"), source)
    tags = ID3()
    _write_id3(tags, chapters)
    tags.save(source)

    paths = [delivered(each) for each in await converted(source, tmp_path, *map(an_output, _FORMATS))]

    for path in paths:
        assert listen(path).seconds == pytest.approx(SECONDS, abs=0.06)
        if path.suffix == ".mp3":
            assert len(ID3(path).getall("CHAP")) == 999
            assert [len(table.child_element_ids) for table in ID3(path).getall("CTOC")] == [255, 255, 255, 234, 4]
        elif path.suffix in {".flac", ".ogg", ".opus"}:
            assert _chapters_of(path) == chapters[:999]
        elif path.suffix != ".wav":
            assert len(_listed(path)) == 999
    assert len(MP4(paths[1]).chapters) == 255  # the most that Nero's list has
