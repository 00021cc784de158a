"""Writes the tables of what is read and written: `python -m tests.unit.domain.readings.write`.

With `--files` it makes the files before, which needs the ffmpeg of the wheel. Another version of it makes other bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.sounds import run_ffmpeg
from tests.unit.domain.readings.composed import composed
from tests.unit.domain.readings.reading import FILES, TABLE, table_of
from tests.unit.domain.readings.written import WRITTEN, written_table

_TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate={rate}:duration={seconds}")
_PICTURE = ("-f", "lavfi", "-i", "color=size=16x16:rate=25:duration={seconds}")
_TAGS = ("-metadata", "title=A title", "-metadata", "artist=Änne", "-metadata", "track=3/9", "-metadata", "date=2021")
_COVER = ("-f", "lavfi", "-i", "color=red:size=16x16:rate=1", "-map", "0:a", "-map", "1:v", "-frames:v", "1")
_AS_COVER = ("-c:v", "png", "-disposition:v", "attached_pic")
_FRAGMENTED = ("-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "100000")
_SHORT_PAGES = ("-page_duration", "60000")
_SHORT_CLUSTERS = ("-cluster_time_limit", "100")


def _recipe(*options: str, rate: int = 8000, seconds: float = 0.4, with_picture: bool = False) -> Sequence[str]:
    inputs = (*_TONE, *_PICTURE) if with_picture else _TONE
    return [*(text.format(rate=rate, seconds=seconds) for text in inputs), *options]


# By name; the suffix decides the container.
_RECIPES = {
    "pcm.wav": _recipe(*_TAGS, "-t", "0.1"),
    "deep.wav": _recipe("-c:a", "pcm_s24le", "-ac", "2", seconds=0.05),
    "float.wav": _recipe("-c:a", "pcm_f32le", seconds=0.05),
    "rf64.wav": _recipe("-rf64", "always", seconds=0.05),
    "adpcm.wav": _recipe("-c:a", "adpcm_ms"),
    "g726.wav": _recipe("-c:a", "g726", seconds=0.1),
    "mp3.wav": _recipe("-c:a", "libmp3lame", "-b:a", "16k"),
    "pcm.w64": _recipe(seconds=0.05),
    "pcm.aiff": _recipe(*_TAGS, "-write_id3v2", "1", seconds=0.05),
    "little.aifc": _recipe("-c:a", "pcm_s16le", "-f", "aiff", seconds=0.05),
    "pcm.au": _recipe(seconds=0.05),
    "pcm.caf": _recipe(seconds=0.05),
    "alac.caf": _recipe("-c:a", "alac", "-sample_fmt", "s16p", seconds=1.2),
    "plain.flac": _recipe(*_TAGS, "-frame_size", "512"),
    "cover.flac": _recipe(*_COVER, *_AS_COVER, *_TAGS, "-frame_size", "512", seconds=0.2),
    "tagged.mp3": _recipe(*_TAGS, "-b:a", "8k"),
    "bare.mp3": _recipe("-b:a", "8k", "-write_xing", "0", "-id3v2_version", "0"),
    "vbr.mp3": _recipe("-q:a", "9", "-id3v2_version", "0", rate=16000),
    "cover.mp3": _recipe(*_COVER, *_AS_COVER, *_TAGS, "-b:a", "8k"),
    "stereo.mp3": _recipe("-b:a", "16k", "-ac", "2", "-write_xing", "0", "-id3v2_version", "0"),
    "plain.mp2": _recipe("-b:a", "16k", rate=16000),
    "plain.aac": _recipe("-b:a", "8k", "-f", "adts", seconds=1.2),
    "quick.aac": _recipe("-b:a", "48k", "-f", "adts", rate=44100, seconds=0.3),
    "fast.aac": _recipe("-b:a", "8k", "-f", "adts", rate=16000, seconds=0.6),
    "front.m4a": _recipe(*_TAGS, "-b:a", "8k", "-movflags", "+faststart", seconds=1.2),
    "end.m4a": _recipe("-b:a", "8k", seconds=1.2),
    "fragmented.m4a": _recipe("-b:a", "8k", *_FRAGMENTED, seconds=1.2),
    "cover.m4a": _recipe(*_COVER, *_AS_COVER, *_TAGS, "-b:a", "8k", seconds=0.4),
    "alac.m4a": _recipe("-c:a", "alac", "-sample_fmt", "s16p", seconds=1.2),
    "video.mp4": _recipe("-c:v", "mpeg4", "-c:a", "aac", "-b:a", "8k", with_picture=True),
    "pcm.mov": _recipe("-c:a", "pcm_s16le", seconds=0.1),
    "plain.3gp": _recipe("-c:a", "libopencore_amrnb", "-b:a", "4.75k"),
    "vorbis.ogg": _recipe(*_TAGS, "-c:a", "libvorbis", *_SHORT_PAGES),
    "opus.ogg": _recipe(*_TAGS, "-c:a", "libopus", "-b:a", "8k", *_SHORT_PAGES, rate=48000),
    "flac.oga": _recipe("-c:a", "flac", *_SHORT_PAGES),
    "opus.webm": _recipe(*_TAGS, "-c:a", "libopus", "-b:a", "8k", *_SHORT_CLUSTERS, rate=48000),
    "live.webm": _recipe("-c:a", "libopus", "-b:a", "8k", "-live", "1", *_SHORT_CLUSTERS, rate=48000),
    "flac.mka": _recipe("-c:a", "flac", *_SHORT_CLUSTERS),
    "video.mkv": _recipe("-c:v", "mpeg4", "-c:a", "aac", "-b:a", "8k", *_SHORT_CLUSTERS, with_picture=True),
    "plain.wma": _recipe(*_TAGS, "-b:a", "24k", "-packet_size", "400", rate=16000),
    "narrow.amr": _recipe("-c:a", "libopencore_amrnb", "-b:a", "4.75k"),
    "aac.ts": _recipe("-c:a", "aac", "-b:a", "8k", seconds=1.2),
    "video.ts": _recipe("-c:v", "mpeg2video", "-c:a", "mp2", "-b:a", "16k", rate=16000, with_picture=True),
    "mp2.mpg": _recipe("-c:v", "mpeg1video", "-c:a", "mp2", "-b:a", "32k", rate=32000, with_picture=True),
    "mp3.avi": _recipe("-c:v", "mpeg4", "-c:a", "libmp3lame", "-b:a", "8k", with_picture=True),
    "pcm.avi": _recipe("-c:a", "pcm_s16le", seconds=0.1),
    "aac.flv": _recipe("-c:v", "flv1", "-c:a", "aac", "-b:a", "8k", with_picture=True),
    "plain.ac3": _recipe("-b:a", "32k", rate=32000),
    "plain.eac3": _recipe("-b:a", "32k", rate=32000),
    "plain.dts": _recipe("-c:a", "dca", "-strict", "-2", "-b:a", "64k", rate=8000, seconds=0.6),
    "plain.wv": _recipe(seconds=0.3),
    "plain.tta": _recipe(seconds=2.5, rate=8000),
    "plain.voc": _recipe("-c:a", "pcm_u8", seconds=0.1),
}
# With two chapters.
_CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=200
title=Intro
[CHAPTER]
TIMEBASE=1/1000
START=200
END=400
title=Ände
"""
_WITH_CHAPTERS = {
    "chapters.mp3": ("-b:a", "8k"),
    "chapters.m4a": ("-b:a", "8k"),
    "chapters.mka": ("-c:a", "libopus", "-b:a", "8k"),
    "chapters.ogg": ("-c:a", "libvorbis"),
    "chapters.flac": ("-frame_size", "512"),
}


def _make_files() -> None:
    with TemporaryDirectory() as scratch:
        chapters = Path(scratch) / "chapters.txt"
        chapters.write_text(_CHAPTERS, "utf-8")
        read = ("-i", str(chapters), "-map", "0:a", "-map_chapters", "1")
        recipes = {**_RECIPES, **{name: _recipe(*read, *options) for name, options in _WITH_CHAPTERS.items()}}
        made = {}
        for name, recipe in recipes.items():
            path = Path(scratch) / name
            run_ffmpeg(*recipe, "-fflags", "+bitexact", "-flags:a", "+bitexact", "-threads", "1", str(path))
            made[name] = path.read_bytes()
    for name, content in {**made, **composed(made)}.items():
        (FILES / name).write_bytes(content)


def main() -> None:
    if "--files" in sys.argv[1:]:
        _make_files()
    for path in sorted(FILES.iterdir()):
        (TABLE / f"{path.name}.txt").write_text(table_of(path.read_bytes()), "utf-8")
    WRITTEN.write_text(written_table(), "utf-8")


if __name__ == "__main__":
    main()
