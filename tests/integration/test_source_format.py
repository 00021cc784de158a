"""What the record says of a source: container, codec, rate, channels, depth and length, of the commonest kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sounds import FFMPEG, run_ffmpeg
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.source_format import SourceFormat

_SOUND = ("-f", "lavfi", "-i", "sine=440:sample_rate=48000:duration=2", "-ac", "2")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("8.wav", ("-c:a", "pcm_u8"), ("wav", "pcm_u8", 48000, 2, 8)),
        ("16.wav", (), ("wav", "pcm_s16le", 48000, 2, 16)),
        ("24.wav", ("-c:a", "pcm_s24le"), ("wav", "pcm_s24le", 48000, 2, 24)),
        ("float.wav", ("-c:a", "pcm_f32le"), ("wav", "pcm_f32le", 48000, 2, 32)),
        ("call.wav", ("-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"), ("wav", "pcm_mulaw", 8000, 1, 8)),
        ("16.flac", (), ("flac", "flac", 48000, 2, 16)),
        ("24.flac", ("-sample_fmt", "s32"), ("flac", "flac", 48000, 2, 24)),
        ("24.m4a", ("-c:a", "alac", "-sample_fmt", "s32p"), ("mp4", "alac", 48000, 2, 24)),
        ("24.aiff", ("-c:a", "pcm_s24be"), ("aiff", "pcm_s24be", 48000, 2, 24)),
        ("deep.wv", ("-sample_fmt", "s32p"), ("wavpack", "wavpack", 48000, 2, 32)),
        ("song.mp3", (), ("mp3", "mp3", 48000, 2, None)),
        ("song.m4a", (), ("mp4", "aac", 48000, 2, None)),
        ("song.aac", (), ("adts", "aac", 48000, 2, None)),
        ("song.opus", (), ("ogg", "opus", 48000, 2, None)),
        ("song.webm", (), ("matroska", "opus", 48000, 2, None)),
    ],
)
@pytest.mark.parametrize("may_predict", [True, False])
async def test_a_source_is_what_was_written(
    name: str,
    options: tuple[str, ...],
    expected: tuple[str, str, int, int, int | None],
    *,
    may_predict: bool,
    tmp_path: Path,
) -> None:
    source = tmp_path / name
    run_ffmpeg(*_SOUND, *options, str(source))

    found = (await FfmpegConverter(FFMPEG).probe(source, may_predict=may_predict)).format

    assert found.duration_seconds == pytest.approx(2, abs=0.1)
    assert found == SourceFormat(*expected, duration_seconds=found.duration_seconds)
