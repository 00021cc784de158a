"""The loudness in reports is what the standard says of a sound, and what ffmpeg measures apart from the worker."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from tests.support.reports import report_on
from tests.support.sounds import run_ffmpeg, sound


def a_sine(level_dbfs: float, frequency_hz: float = 997.0, *, phase: float = 0.0) -> str:
    return f"{10 ** (level_dbfs / 20):.9f}*sin(2*PI*{frequency_hz}*t+{phase})"


def made(directory: Path, expression: str, seconds: float, *, channels: int = 2) -> Path:
    source = directory / "source.wav"
    expressions = "|".join([expression] * channels)
    run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{expressions}':s=48000:d={seconds}", "-c:a", "pcm_s24le", str(source))
    return source


# EBU Tech 3341, section 2.9: test signals 1, 2 and 3.
@pytest.mark.parametrize(
    ("expression", "seconds", "lufs"),
    [
        (a_sine(-23), 5, -23.0),
        (a_sine(-33), 5, -33.0),
        (f"if(between(t,2,12),{a_sine(-23)},{a_sine(-36)})", 14, -23.0),
    ],
    ids=["-23", "-33", "quiet ends"],
)
async def test_the_loudness_of_a_sine_is_what_the_standard_says(
    expression: str, seconds: float, lufs: float, tmp_path: Path
) -> None:
    found = await report_on(made(tmp_path, expression, seconds), tmp_path)

    assert found["loudness"]["integrated_lufs"] == pytest.approx(lufs, abs=0.11)


_FADED = "min(1,5*min(t,2-t))"  # an abrupt begin has a higher peak


async def test_the_true_peak_is_that_between_the_samples(tmp_path: Path) -> None:
    """EBU Tech 3341, section 2.9: as test signal 15. The samples are at 0.707 of the peak."""
    found = await report_on(made(tmp_path, f"{_FADED}*0.5*sin(2*PI*12000*t+PI/4)", 2), tmp_path)

    assert -6.4 <= found["loudness"]["true_peak_dbtp"] <= -5.8


async def test_the_range_is_that_between_quiet_and_loud(tmp_path: Path) -> None:
    """EBU Tech 3342, section 5: test signal 1, of half the length."""
    found = await report_on(made(tmp_path, f"if(lt(t,10),{a_sine(-20)},{a_sine(-30)})", 20), tmp_path)

    assert found["loudness"]["range_lu"] == pytest.approx(10, abs=1)


@pytest.mark.parametrize("name", ["plain.mp3", "plain.opus", "surround.wav", "deep.wav", "high.wav", "g726.wav"])
async def test_the_loudness_of_any_source_is_what_ffmpeg_measures_of_the_file(name: str, tmp_path: Path) -> None:
    said = run_ffmpeg("-i", str(sound(name)), "-af", "ebur128=peak=true", "-f", "null", "-", verbosity="info")
    summary = said[said.rindex("Summary:") :]
    values = {
        field: float(match[1])
        for field, mark in {"integrated_lufs": "I", "range_lu": "LRA", "true_peak_dbtp": "Peak"}.items()
        if (match := re.search(rf" {mark}: +(-?[\d.]+) ", summary))
    }

    assert (await report_on(sound(name), tmp_path))["loudness"] == values


@pytest.mark.parametrize(
    ("seconds", "level", "peak", "silences"),
    [(2.0, 0.0, None, [[0.0, 2.0]]), (2.0, 1e-4, -80.0, [[0.0, 2.0]]), (0.3, 0.5, -6.0, [])],
    ids=["zeros", "below the gate", "short"],
)
async def test_what_has_no_loudness_has_null_in_its_place(
    seconds: float, level: float, peak: float | None, silences: list[list[float]], tmp_path: Path
) -> None:
    source = made(tmp_path, f"{level}*sin(2*PI*440*t)", seconds)

    found = await report_on(source, tmp_path)

    assert found["loudness"]["integrated_lufs"] is None
    assert found["loudness"]["range_lu"] is None
    assert found["loudness"]["true_peak_dbtp"] == (None if peak is None else pytest.approx(peak, abs=0.1))
    assert found["silences"] == silences
    assert found["clipped_samples"] == 0


@pytest.mark.parametrize("scale", [32_768.0, 2.0**31], ids=["16 bits", "32 bits"])
async def test_floating_point_samples_with_the_values_of_integers_are_as_loud_as_they_are(
    scale: float, tmp_path: Path
) -> None:
    """EBU Tech 3341, section 2.9: test signal 1, multiplied."""
    source = tmp_path / "source.wav"
    sine = f"{scale}*{a_sine(-23)}"
    run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{sine}|{sine}':s=48000:d=5", "-c:a", "pcm_f32le", str(source))

    found = await report_on(source, tmp_path)

    above_db = 20 * math.log10(scale)
    assert found["loudness"]["integrated_lufs"] == pytest.approx(above_db - 23, abs=0.21)
    assert found["loudness"]["true_peak_dbtp"] == pytest.approx(above_db - 23, abs=0.21)
