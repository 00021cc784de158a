"""Sounds to convert, made by ffmpeg once a run, and the analysis of what came out."""

from __future__ import annotations

import atexit
import io
import os
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imageio_ffmpeg

from worker.domain.audio import FORMATS

FFMPEG: str = imageio_ffmpeg.get_ffmpeg_exe()
# The formats of which an output is one file that can be heard.
SOUND_FORMATS = tuple(name for name, rules in FORMATS.items() if rules.is_sound and not rules.is_segmented)
SECONDS = 2.3
_TONE = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=44100:duration={SECONDS},volume=4dB")
_PICTURE = ("-f", "lavfi", "-i", f"testsrc=duration={SECONDS}:size=64x64:rate=10")
_COVER = ("-f", "lavfi", "-i", "mandelbrot=size=900x900:rate=1")
_TAGS = ("-metadata", "title=A title", "-metadata", "artist=Änne")
_STEREO = (*_TONE, *_TAGS, "-ac", "2", "-sample_fmt", "s16")
_LOSSY = (*_TONE, *_TAGS, "-ac", "2")
_WITH_COVER = (
    *(*_TONE, *_COVER, "-map", "0:a", "-map", "1:v", "-frames:v", "1", *_TAGS, "-ac", "2"),
    *("-c:v", "png", "-disposition:v", "attached_pic"),
)

# Name and how it is made; the suffix decides the container.
_RECIPES: dict[str, Sequence[str]] = {
    "plain.wav": _STEREO,
    "deep.wav": (*_LOSSY, "-c:a", "pcm_s24le"),
    "float.wav": (*_LOSSY, "-c:a", "pcm_f32le"),
    "surround.wav": (*_TONE, "-ac", "6"),
    "eight.wav": (*_TONE, "-ac", "8"),
    "three.wav": (*_TONE, "-ac", "3"),
    "four.wav": (*_TONE, "-ac", "4"),
    "high.wav": (*_TONE, "-ar", "96000"),
    "rf64.wav": (*_STEREO, "-rf64", "always"),
    "plain.w64": _STEREO,
    "plain.aiff": _STEREO,
    "plain.flac": (*_TONE, *_TAGS, "-ac", "2", "-sample_fmt", "s16"),
    "plain.mp3": _LOSSY,
    "vbr.mp3": (*_LOSSY, "-q:a", "5"),
    "bare.mp3": (*_LOSSY, "-write_xing", "0", "-id3v2_version", "0"),
    "end.m4a": _LOSSY,
    "front.m4a": (*_LOSSY, "-movflags", "+faststart"),
    "fragmented.m4a": (
        *_LOSSY,
        "-movflags",
        "+frag_keyframe+empty_moov+default_base_moof",
        "-frag_duration",
        "500000",
    ),
    "plain.aac": (*_LOSSY, "-f", "adts"),
    "alac.m4a": (*_TONE, *_TAGS, "-ac", "2", "-c:a", "alac", "-sample_fmt", "s16p"),
    "alac.caf": (*_TONE, "-ac", "2", "-c:a", "alac", "-sample_fmt", "s16p"),
    "plain.caf": _STEREO,
    "plain.ogg": (*_LOSSY, "-c:a", "libvorbis"),
    "plain.opus": (*_LOSSY, "-c:a", "libopus"),
    "plain.webm": (*_LOSSY, "-c:a", "libopus"),
    "live.webm": (*_LOSSY, "-c:a", "libopus", "-live", "1"),
    "plain.wma": _LOSSY,
    "plain.amr": (*_TONE, "-ar", "8000", "-ac", "1", "-c:a", "libopencore_amrnb"),
    "plain.au": _STEREO,
    "plain.wv": (*_TONE, "-ac", "2", "-sample_fmt", "s16p"),
    "plain.tta": (*_TONE, "-ac", "2", "-sample_fmt", "s16"),
    "deep.wv": (*_TONE, "-ac", "2", "-sample_fmt", "s32p", "-bits_per_raw_sample", "24"),
    "deep.tta": (*_TONE, "-ac", "2", "-sample_fmt", "s32"),
    "plain.ac3": (*_TONE, "-ac", "2"),
    "plain.eac3": (*_TONE, "-ac", "2"),
    "plain.dts": (*_TONE, "-ac", "2", "-ar", "48000", "-c:a", "dca", "-strict", "-2"),
    "plain.voc": (*_TONE, "-c:a", "pcm_s16le"),
    "adpcm_ms.wav": (*_TONE, "-c:a", "adpcm_ms"),
    "adpcm_ima_wav.wav": (*_TONE, "-c:a", "adpcm_ima_wav"),
    "adpcm_yamaha.wav": (*_TONE, "-c:a", "adpcm_yamaha"),
    "g726.wav": (*_TONE, "-ac", "1", "-ar", "8000", "-c:a", "g726"),
    "g722.wav": (*_TONE, "-ac", "1", "-ar", "16000", "-c:a", "g722"),
    "video.mp4": (*_PICTURE, *_TONE),
    "video.mkv": (*_PICTURE, *_TONE),
    "video.ts": (*_PICTURE, *_TONE),
    "plain.ts": _LOSSY,
    "plain.flv": _LOSSY,
    "video.flv": (*_PICTURE, *_TONE),
    "plain.avi": (*_LOSSY, "-c:a", "mp3"),
    "video.avi": (*_PICTURE, *_TONE, "-c:a", "pcm_s16le"),
    "video.mpg": (*_PICTURE, *_TONE, "-r", "25", "-ar", "48000", "-c:v", "mpeg1video", "-c:a", "mp2"),
    "video.vob": (*_PICTURE, *_TONE, "-r", "25", "-ar", "48000", "-c:v", "mpeg2video", "-c:a", "ac3"),
    "flac.oga": (*_STEREO, "-c:a", "flac", "-f", "ogg"),
    "silent.mp4": _PICTURE,
    "cover.mp3": _WITH_COVER,
    "cover.m4a": _WITH_COVER,
    "cover.flac": _WITH_COVER,
    "long-silence.flac": ("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=10800", "-compression_level", "0"),
}
CONTAINERS = (
    *("plain.wav", "rf64.wav", "plain.w64", "plain.aiff", "plain.flac", "plain.mp3", "vbr.mp3", "bare.mp3"),
    *("end.m4a", "front.m4a", "fragmented.m4a", "plain.aac", "alac.m4a", "alac.caf", "plain.caf", "plain.ogg"),
    *("plain.opus", "plain.webm", "live.webm", "plain.wma", "plain.amr", "plain.au"),
    *("video.mp4", "video.mkv", "video.ts", "plain.ts", "plain.flv", "video.flv", "plain.avi", "video.avi"),
    *("video.mpg", "video.vob", "flac.oga"),
)


@cache
def directory() -> Path:
    """Where sounds are kept. It is removed with the process that asks first; processes forked from that share it."""
    path = Path(tempfile.mkdtemp(prefix="sounds-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def sound(name: str) -> Path:
    """The file of that name: read it, never write to it."""
    path = directory() / name
    if not path.exists():  # else another process has made it
        made = path.with_name(f"{os.getpid()}-{name}")
        run_ffmpeg(*_RECIPES[name], "-threads", "1", str(made))
        made.rename(path)
    return path


@cache
def silence(seconds: float) -> bytes:
    """A WAV of so many seconds, 16 kB each, for tests to which the sound does not matter."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * int(8000 * seconds)))
    return buffer.getvalue()


def half_of(name: str, directory: Path) -> Path:
    """The first half of the sound's bytes, and one: half an MP3 may end with a frame, and then no cut is seen."""
    data = sound(name).read_bytes()
    path = directory / f"half-{name}"
    path.write_bytes(data[: len(data) // 2 + 1])
    return path


def run_ffmpeg(*arguments: str, verbosity: str = "error") -> str:
    """Run it and return what it said; raises CalledProcessError where it failed."""
    command = [FFMPEG, "-nostdin", "-hide_banner", "-nostats", "-v", verbosity, "-y", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stderr.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a file sounds like when it is decoded in full by a separate run of ffmpeg."""

    container: str
    codec: str
    rate_hz: int
    layout: str
    seconds: float
    level_db: float
    described: str  # all that ffmpeg says of the file, tags included

    @property
    def has_picture(self) -> bool:
        return ": Video:" in self.described


def listen(path: Path) -> Heard:
    # FFmpeg's own decoder of AMR is 2.6 dB below the standard's.
    decoder = ("-c:a", "libopencore_amrnb") if path.suffix == ".amr" else ()
    said = run_ffmpeg(
        *(*decoder, "-i", str(path), "-map", "0:a:0", "-af", "volumedetect", "-f", "null", "-"), verbosity="verbose"
    )
    described = said.partition("Stream mapping")[0]
    container = _first(r"^Input #0, (\S+), from", said)
    codec, layout = (
        _first(r"Stream #0:\d+\S*: Audio: (\w+)", said),
        _first(r"samplefmt:\S+ samplerate:\d+ chlayout:(.+)$", said),
    )
    rate_hz = int(_first(r"samplefmt:\S+ samplerate:(\d+)", said))
    samples = int(_first(r"decode errors \((\d+) samples\)", said))
    return Heard(
        container, codec, rate_hz, layout, samples / rate_hz, float(_first(r"mean_volume: (\S+) dB", said)), described
    )


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match is not None, f"{pattern} is not in {text}"
    return match[1]
