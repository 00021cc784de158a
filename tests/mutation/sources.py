"""The whole files that are mutated: the sweep, in each container that is read."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.sounds import run_ffmpeg
from tests.support.sweep import sweep_wav

_PICTURE = ("-f", "lavfi", "-i", "testsrc=duration=3:size=64x64:rate=25", "-map", "0:a", "-map", "1:v")


@dataclass(frozen=True, slots=True)
class Source:
    """How a file is made, and what its units (pages, frames, clusters, packets) begin with."""

    options: Sequence[str]
    unit: bytes | int  # a pattern, or a length in bytes
    rate_hz: int = 44_100
    header_units: int = 0  # that hold no sound


_FRAGMENTED = ("-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "500000")
_MPEG_FRAME = rb"\xff[\xfa\xfb\xf3]"
_OGG_PAGE = b"OggS"
_SHORT_PAGES = ("-page_duration", "200000")
_CLUSTER = rb"\x1f\x43\xb6\x75"
_TS_PACKET = 188

# By name; the suffix decides the container.
SOURCES: dict[str, Source] = {
    "pcm.wav": Source(("-c:a", "pcm_s16le"), 4096),
    "deep.wav": Source(("-c:a", "pcm_s24le"), 4096),
    "pcm.w64": Source(("-c:a", "pcm_s16le"), 4096),
    "pcm.aiff": Source((), 4096),
    "pcm.au": Source((), 4096),
    "pcm.caf": Source((), 4096),
    "alac.caf": Source(("-c:a", "alac"), 4096),
    "plain.flac": Source((), rb"\xff\xf8"),
    "plain.mp3": Source(("-b:a", "128k"), _MPEG_FRAME, header_units=1),
    "bare.mp3": Source(("-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0"), _MPEG_FRAME),
    "vbr.mp3": Source(("-q:a", "4"), _MPEG_FRAME, header_units=1),
    "plain.aac": Source((), rb"\xff\xf1"),
    "end.m4a": Source((), 1024),
    "front.m4a": Source(("-movflags", "+faststart"), 1024),
    "fragmented.m4a": Source(_FRAGMENTED, b"moof"),
    "alac.m4a": Source(("-c:a", "alac"), 4096),
    "vorbis.ogg": Source(("-c:a", "libvorbis", *_SHORT_PAGES), _OGG_PAGE, header_units=2),
    "opus.ogg": Source(("-c:a", "libopus", *_SHORT_PAGES), _OGG_PAGE, 48_000, header_units=2),
    "flac.oga": Source(("-c:a", "flac", *_SHORT_PAGES), _OGG_PAGE, header_units=2),
    "opus.webm": Source(("-c:a", "libopus", "-cluster_time_limit", "500"), _CLUSTER, 48_000),
    "live.webm": Source(("-c:a", "libopus", "-live", "1", "-cluster_time_limit", "500"), _CLUSTER, 48_000),
    "vorbis.mka": Source(("-c:a", "libvorbis", "-cluster_time_limit", "500"), _CLUSTER),
    "flac.mka": Source(("-c:a", "flac", "-cluster_time_limit", "500"), _CLUSTER),
    "plain.wma": Source((), 3200),
    "narrow.amr": Source(("-ac", "1", "-ar", "8000", "-c:a", "libopencore_amrnb", "-b:a", "12.2k"), 32, 8000),
    "aac.ts": Source(("-c:a", "aac"), _TS_PACKET, header_units=3),
    "mp2.mpg": Source((*_PICTURE, "-c:v", "mpeg1video", "-c:a", "mp2"), rb"\x00\x00\x01\xba"),
    "mp3.avi": Source((*_PICTURE, "-c:v", "mpeg4", "-c:a", "mp3"), rb"0[01]wb"),
    "aac.flv": Source((*_PICTURE, "-c:v", "flv1", "-c:a", "aac"), rb"\x08\x00.{9}\xaf"),
    "video.mp4": Source((*_PICTURE, "-c:v", "mpeg4", "-c:a", "aac"), 1024),
    "video.mkv": Source((*_PICTURE, "-c:v", "mpeg4", "-c:a", "aac", "-cluster_time_limit", "500"), _CLUSTER),
    "plain.ac3": Source(("-c:a", "ac3"), rb"\x0b\x77"),
    "plain.wv": Source(("-c:a", "wavpack"), b"wvpk"),
    "plain.tta": Source(("-c:a", "tta"), 4096),
}


@cache
def _directory() -> Path:
    path = Path(tempfile.mkdtemp(prefix="mutated-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def whole(name: str) -> bytes:
    """The file of that name, whole."""
    source = SOURCES[name]
    wav = _directory() / f"{source.rate_hz}.wav"
    if not wav.exists():
        wav.write_bytes(sweep_wav(source.rate_hz))
    path = _directory() / name
    run_ffmpeg("-i", str(wav), *source.options, "-fflags", "+bitexact", "-threads", "1", str(path))
    return path.read_bytes()


@cache
def units(name: str) -> list[tuple[int, int]]:
    """Begin and end of the units of a file that hold sound."""
    data, unit = whole(name), SOURCES[name].unit
    if isinstance(unit, int):
        begins = list(range(0, len(data), unit))
    else:
        begins = [match.start() for match in re.finditer(unit, data, re.DOTALL)]
    ends = [*begins[1:], len(data)]
    assert begins, f"no unit in {name}"
    return list(zip(begins, ends, strict=True))[SOURCES[name].header_units :]
