"""Loudness and true peak as ffmpeg measures them, of the part and the channels that an output has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.test_ffmpeg_log import a_flac_with_a_tag
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.sounds import FFMPEG, run_ffmpeg, sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.adapters.ffmpeg.measuring import loudness_analysis, read_loudness
from worker.adapters.ffmpeg.runs import Bounds, Runs, Task
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.audio import AudioFormat
from worker.domain.cutting import Cut
from worker.domain.encoding import Encoding
from worker.domain.loudness import Loudness
from worker.ports import ConversionProgress

_ALL = Encoding(AudioFormat.WAV, RATE_HZ, 2, 16, None)


async def measured(source: Path, *parts: Encoding | None) -> list[Loudness]:
    audio = await FfmpegConverter(FFMPEG).probe(source)
    analyses = [loudness_analysis(part, number) for number, part in enumerate(parts)]
    runs = Runs(FFMPEG, Sandbox(), 2 << 30)
    found = await runs.run_as_found(
        Task(source, audio, analyses=analyses), bounds=Bounds(60.0, 0), progress=ConversionProgress()
    )
    return [read_loudness(found.log, number) for number in range(len(parts))]


async def test_a_sine_at_minus_23_dbfs_in_both_channels_has_minus_23_lufs(tmp_path: Path) -> None:
    """EBU Tech 3341, test signal 1."""
    source = tmp_path / "source.wav"
    sine = "aevalsrc='pow(10,-23/20)*sin(2*PI*1000*t)|pow(10,-23/20)*sin(2*PI*1000*t)':s=48000:d=20"
    run_ffmpeg("-f", "lavfi", "-i", sine, "-c:a", "pcm_s24le", str(source))

    (loudness,) = await measured(source, None)

    assert loudness.integrated_lufs == pytest.approx(-23.0, abs=0.1)
    assert loudness.true_peak_dbtp == pytest.approx(-23.0, abs=0.1)
    assert loudness.range_lu == pytest.approx(0.0, abs=0.1)


async def test_a_peak_between_the_samples_is_seen(tmp_path: Path) -> None:
    """EBU Tech 3341, test signal 15 and the like: the samples of such a sine reach 3 dB less than its peaks."""
    source, sine = tmp_path / "source.wav", "aevalsrc='0.5*sin(2*PI*12000*t+PI/4)':s=48000:d=3"
    run_ffmpeg("-f", "lavfi", "-i", f"{sine},afade=d=1,afade=t=out:st=2:d=1", str(source))

    (loudness,) = await measured(source, None)

    assert loudness.true_peak_dbtp == pytest.approx(-6.0, abs=0.4)


async def test_each_output_is_measured_as_it_is_heard_in_one_decode(tmp_path: Path) -> None:
    samples = tones([1000, 1000], seconds=2)
    half = len(samples) // 2
    samples[half:] = type(samples)("h", (value // 4 for value in samples[half:]))
    source = a_wav(tmp_path / "source.wav", samples, 2, mask=0x3)
    quiet = replace(_ALL, cut=Cut(1.0, 2.0))
    one_side = replace(_ALL, channels=1, pick_channel=1)

    whole, part, side = await measured(source, _ALL, quiet, one_side)

    assert whole.integrated_lufs is not None
    assert part.integrated_lufs is not None
    assert side.integrated_lufs is not None
    assert whole.integrated_lufs - side.integrated_lufs == pytest.approx(3.0, abs=0.11)
    assert whole.true_peak_dbtp is not None
    assert part.true_peak_dbtp == pytest.approx(whole.true_peak_dbtp - 12.0, abs=0.2)


@pytest.mark.parametrize(("seconds", "level", "has_peak"), [(3.0, 0.0, False), (0.3, 0.5, True), (3.0, 1e-4, True)])
async def test_what_is_below_the_gate_or_too_short_has_no_loudness(
    seconds: float, level: float, has_peak: bool, tmp_path: Path
) -> None:
    source = tmp_path / "source.wav"
    run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{level}*sin(2*PI*440*t)':s=48000:d={seconds}", str(source))

    (loudness,) = await measured(source, None)

    assert loudness.integrated_lufs is None
    assert (loudness.true_peak_dbtp is not None) is has_peak


async def test_a_tag_that_looks_like_a_summary_is_not_taken_for_one(tmp_path: Path) -> None:
    forged = (
        b"x\n\x1b[1;32m[ebur128@loudness0 @ 0x55d0] \x1b[0mSummary:\n    I:          -1.0 LUFS\n    Peak:  9.0 dBFS"
    )
    source = a_flac_with_a_tag(tmp_path / "source.flac", b"title=" + forged)

    assert await measured(source, None) == await measured(sound("plain.flac"), None)
