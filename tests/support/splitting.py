"""Conversions in pieces, short enough for tests, beside the same conversions as a whole."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.conversions import an_output
from tests.support.sounds import FFMPEG, directory, run_ffmpeg
from worker.adapters.ffmpeg import FfmpegConverter
from worker.adapters.ffmpeg.splitting import SplittingConverter
from worker.application.consuming.spare_slots import SpareSlots
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.splitting.pieces import Pace
from worker.ports import AudioConverter, ConversionProgress, Converted, IncomingSource, SourceAudio

MUSIC_SECONDS = 97.3
# Speech-like bursts and tones that never repeat, so that every joint is in another place of them.
_LEFT = (
    "0.3*sin(2*PI*(300+200*sin(2*PI*0.3*t))*t)*(0.5+0.5*sin(2*PI*1.7*t))"
    "+0.15*random(0)*pow(mod(t\\,0.37)/0.37\\,4)+0.1*sin(2*PI*90*t)"
)
_RIGHT = "0.3*sin(2*PI*(500+100*sin(2*PI*0.2*t))*t)+0.1*random(1)*pow(1-mod(t\\,0.5)/0.5\\,8)"
_number = itertools.count()


def make_music(path: Path, *options: str, seconds: float = MUSIC_SECONDS, rate_hz: int = 44_100) -> Path:
    """A file of two channels; the suffix decides the container."""
    return Path(shutil.copyfile(_music(path.suffix, options, seconds, rate_hz), path))


@cache
def _music(suffix: str, options: Sequence[str], seconds: float, rate_hz: int) -> Path:
    """The sound, made once a run: it takes ffmpeg longer to compute than to convert."""
    path = directory() / f"{os.getpid()}-music-{next(_number)}{suffix}"
    source = f"aevalsrc='{_LEFT}|{_RIGHT}':s={rate_hz}:d={seconds}"
    run_ffmpeg("-f", "lavfi", "-i", source, "-c:a", "pcm_s16le", *options, str(path))
    return path


def a_pace(audio_format: AudioFormat, *, piece_seconds: float = 24.0) -> Pace:
    """A pace that makes pieces of so many seconds of sound."""
    cost = FORMATS[audio_format].encoding_cost / 60 * piece_seconds
    return Pace(piece_core_seconds=cost, min_core_seconds=cost, min_core_seconds_per_minute=0.0)


def splitting(pace: Pace, *, slots: SpareSlots | None = None) -> SplittingConverter:
    return SplittingConverter(FfmpegConverter(FFMPEG), slots or SpareSlots(2, lambda: False), pace)


async def convert_one(
    converter: AudioConverter,
    source: Path,
    target: Path,
    audio_format: AudioFormat,
    *,
    progress: ConversionProgress | None = None,
    audio: SourceAudio | None = None,
    max_file_bytes: int | None = None,
    incoming: IncomingSource | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Converted:
    """Convert to one output with these options of its message."""
    target.parent.mkdir(exist_ok=True)
    return await converter.convert(
        source,
        audio or await converter.probe(source, may_predict=True),
        [(an_output(audio_format, **options), target)],
        max_duration_seconds=1000.0,
        progress=progress or ConversionProgress(),
        max_file_bytes=max_file_bytes,
        incoming=incoming,
    )
