"""A report on joined sources is on the one sound that they become."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import pytest

from tests.support.joins import converted_together
from tests.support.reports import a_report
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.sounds import run_ffmpeg


async def test_a_report_on_joined_sources_is_on_one_sound(tmp_path: Path) -> None:
    ends, begins = tones([440], seconds=1), tones([440], seconds=2)
    ends.extend(array("h", bytes(2 * RATE_HZ)))  # a second of silence, before three quarters of the next source
    begins[: RATE_HZ * 3 // 4] = array("h", bytes(RATE_HZ * 3 // 2))
    ends[10], begins[-10] = 32767, -32768
    sources = [a_wav(tmp_path / f"{number}.wav", samples, 1) for number, samples in enumerate([ends, begins])]

    (artifact,) = await converted_together(sources, tmp_path, a_report())

    found = json.loads(artifact.path.read_bytes())
    assert found["clipped_samples"] == 2
    ((begin, end),) = found["silences"]
    assert (begin, end) == (pytest.approx(1.0, abs=1e-4), pytest.approx(2.75, abs=1e-4))
    assert found["source_audio"]["duration_seconds"] == artifact.duration_seconds == 4.0


@pytest.mark.parametrize(("code", "highest"), [("pcm_mulaw", 32124), ("pcm_alaw", 32256)])
async def test_joined_calls_are_clipped_at_the_highest_that_their_code_has(
    code: str, highest: int, tmp_path: Path
) -> None:
    source = tmp_path / "call.wav"
    run_ffmpeg("-f", "lavfi", "-i", "sine=440:sample_rate=8000:d=1,volume=24dB", "-c:a", code, str(source))
    raw = tmp_path / "raw"
    run_ffmpeg("-i", str(source), "-f", "s16le", str(raw))

    (artifact,) = await converted_together([source, source], tmp_path, a_report())

    expected = 2 * sum(abs(value) >= highest for value in array("h", raw.read_bytes()))
    assert json.loads(artifact.path.read_bytes())["clipped_samples"] == expected > 1000


@pytest.mark.parametrize("codes", [("pcm_alaw", "pcm_mulaw"), ("pcm_u8", "pcm_mulaw"), ("pcm_mulaw", "pcm_alaw")])
async def test_joined_calls_of_different_codes_are_clipped_at_the_lower_of_their_highest(
    codes: tuple[str, str], tmp_path: Path
) -> None:
    sources, expected = [], 0
    for code in codes:
        sources.append(tmp_path / f"{code}.wav")
        sine = "sine=440:sample_rate=8000:d=1,volume=24dB"
        run_ffmpeg("-f", "lavfi", "-i", sine, "-c:a", code, str(sources[-1]))
        run_ffmpeg("-i", str(sources[-1]), "-f", "s16le", str(tmp_path / code))
        expected += sum(abs(value) >= 32124 for value in array("h", (tmp_path / code).read_bytes()))

    (artifact,) = await converted_together(sources, tmp_path, a_report())

    assert json.loads(artifact.path.read_bytes())["clipped_samples"] == expected > 5000
