"""Waveforms: their peaks are exactly those of the samples, in each form, and others' readers can read them."""

from __future__ import annotations

import math
import random
from array import array
from pathlib import Path
from typing import Any

import pytest

from tests.support.conversions import converted
from tests.support.samples import RATE_HZ, a_wav
from tests.support.sounds import run_ffmpeg, sound
from tests.support.waveforms import Peaks, peaks_of, read_dat, read_json, read_png
from worker.domain.audio import AudioFormat
from worker.domain.job import ObjectLocation, OutputSpec


def a_waveform(extension: str, **options: Any) -> OutputSpec:
    return OutputSpec(ObjectLocation("bucket", f"out.{extension}"), AudioFormat.WAVEFORM, **options)


def a_slow_wave(seconds: float, channels: int) -> array[int]:
    """Samples that stay on one side of zero for long, with noise on them and full scale at their ends."""
    draw = random.Random(1)
    samples = array(
        "h",
        (draw.randint(2000, 9000) * (1 if n // 9000 % 2 else -1) for n in range(int(seconds * RATE_HZ) * channels)),
    )
    samples[0], samples[-1] = -32768, 32767
    return samples


def in_8_bits(points: list[list[int]]) -> list[list[int]]:
    return [[int(value / 256) for value in point] for point in points]


async def read(source: Path, directory: Path, spec: OutputSpec) -> Peaks:
    (artifact,) = await converted(source, directory, spec)
    reader = {"json": read_json, "dat": read_dat}[spec.extension]
    return reader(artifact.path.read_bytes())


@pytest.mark.parametrize("extension", ["json", "dat"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("points_per_second", "bits"), [(None, None), (1, 8), (20, 16), (441, 16), (1000, 8)])
async def test_each_point_is_the_lowest_and_the_highest_of_its_samples(
    extension: str, channels: int, points_per_second: int | None, bits: int | None, tmp_path: Path
) -> None:
    samples = a_slow_wave(2.345, channels)
    source = a_wav(tmp_path / "source.wav", samples, channels)

    found = await read(source, tmp_path, a_waveform(extension, points_per_second=points_per_second, bits=bits))

    samples_per_pixel = RATE_HZ // (points_per_second or 20)
    expected = peaks_of(samples, channels, samples_per_pixel)
    assert found == Peaks(
        channels, RATE_HZ, samples_per_pixel, bits or 8, expected if bits == 16 else in_8_bits(expected)
    )


@pytest.mark.parametrize("name", ["plain.mp3", "plain.ogg", "end.m4a", "plain.opus", "deep.wav", "surround.wav"])
async def test_the_peaks_of_any_source_are_those_of_what_is_decoded(name: str, tmp_path: Path) -> None:
    spec = OutputSpec(ObjectLocation("bucket", "out.wav"), AudioFormat.WAV, bits_per_sample=16)

    wav, waveform = await converted(sound(name), tmp_path, spec, a_waveform("json", bits=16))

    samples, channels = decoded(wav.path)
    found = read_json(waveform.path.read_bytes())
    assert found.points == peaks_of(samples, channels, found.samples_per_pixel)
    assert waveform.duration_seconds == wav.duration_seconds


def decoded(path: Path) -> tuple[array[int], int]:
    raw = path.with_suffix(".raw")
    run_ffmpeg("-i", str(path), "-f", "s16le", str(raw))
    samples = array("h", raw.read_bytes())
    described = run_ffmpeg("-i", str(path), "-f", "null", "-", verbosity="info")
    return samples, 6 if "5.1" in described else 1 if " mono" in described else 2


async def test_a_waveform_has_the_part_the_channel_and_the_rate_that_were_asked_for(tmp_path: Path) -> None:
    samples = a_slow_wave(2, 2)
    source = a_wav(tmp_path / "source.wav", samples, 2)

    found = await read(
        source, tmp_path, a_waveform("dat", bits=16, start_seconds=0.5, end_seconds=1.5, pick_channel=2)
    )

    part = samples[RATE_HZ : 3 * RATE_HZ]
    assert found == Peaks(1, RATE_HZ, 2400, 16, peaks_of(part[1::2], 1, 2400))
    slower = await read(source, tmp_path, a_waveform("json", sample_rate_hz=8000, channels=1))
    assert (slower.channels, slower.sample_rate, slower.samples_per_pixel, len(slower.points)) == (1, 8000, 400, 40)


async def test_the_same_source_gives_the_same_bytes_beside_other_outputs_and_alone(tmp_path: Path) -> None:
    (alone,) = await converted(sound("plain.mp3"), tmp_path, a_waveform("json"))
    first = alone.path.read_bytes()

    outputs = [a_waveform("json"), OutputSpec(ObjectLocation("bucket", "out.mp3"), AudioFormat.MP3)]
    beside, _ = await converted(sound("plain.mp3"), tmp_path, *outputs)

    assert beside.path.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.waveform", "1.mp3"]


@pytest.mark.parametrize(("width", "height"), [(None, None), (16, 16), (300, 50), (8192, 33)])
async def test_a_picture_shows_each_peak_at_its_place(width: int | None, height: int | None, tmp_path: Path) -> None:
    samples = array("h", [16384, -16384] * RATE_HZ)  # a second of two channels, one above zero and one below it
    samples[2 * 24000 : 2 * 36000] = array("h", [0, 0] * 12000)
    source = a_wav(tmp_path / "source.wav", samples, 2)

    (artifact,) = await converted(source, tmp_path, a_waveform("png", width=width, height=height))

    rows = read_png(artifact.path.read_bytes())
    width, height = width or 1800, height or 140
    assert (len(rows[0]), len(rows)) == (width, height)
    columns = [[y for y in range(height) if rows[y][x]] for x in range(width)]
    quarter, half = height // 4, height // 2
    edge = 2 + width // 500
    for x, drawn in enumerate(columns):
        if min(abs(x - width // 2), abs(x - width * 3 // 4)) <= edge:
            continue  # where it changes, a column may have some of both
        if width // 2 < x < width * 3 // 4:
            assert drawn == [half]
        else:
            assert drawn == list(range(quarter, min(3 * height // 4, height - 1) + 1)), x


async def test_a_point_of_one_sample_is_a_waveform(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", array("h", [-5]), 1)

    found = await read(source, tmp_path, a_waveform("json", bits=16))

    assert found.points == [[-5, -5]]


@pytest.mark.parametrize("points_per_second", [1, 20, 1000])
async def test_a_source_whose_format_changes_is_whole_in_its_waveform(points_per_second: int, tmp_path: Path) -> None:
    parts = []
    for rate_hz in (48_000, 44_100):
        part, bare = tmp_path / f"{rate_hz}.mp3", ("-write_xing", "0", "-id3v2_version", "0")
        run_ffmpeg("-f", "lavfi", "-i", f"sine=440:sample_rate={rate_hz}:duration=2.2,volume=12dB", *bare, str(part))
        parts.append(part.read_bytes())
    source = tmp_path / "source.mp3"
    source.write_bytes(b"".join(parts))
    spec = OutputSpec(ObjectLocation("bucket", "out.wav"), AudioFormat.WAV)

    wav, waveform = await converted(source, tmp_path, spec, a_waveform("json", points_per_second=points_per_second))

    assert waveform.duration_seconds == wav.duration_seconds
    assert waveform.duration_seconds == pytest.approx(4.4, abs=0.2)
    found = read_json(waveform.path.read_bytes())
    assert len(found.points) == math.ceil(waveform.duration_seconds * RATE_HZ / found.samples_per_pixel)
    loud = sum(max(-low, high) > 40 for low, high in found.points)
    assert loud >= 0.95 * len(found.points) - 2
