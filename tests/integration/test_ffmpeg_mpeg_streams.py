"""MPEG transport and program streams through ffmpeg, whose tracks and lengths are known by their packets alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mutation.trial import convert
from tests.support.sounds import run_ffmpeg

_TONE = "sine=frequency={hz}:sample_rate=48000:duration={seconds}"


def a_tone(seconds: float, hz: int = 440) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", _TONE.format(hz=hz, seconds=seconds))


async def test_a_program_stream_whose_first_time_stamp_is_wrong_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "source.mpg"
    run_ffmpeg(*a_tone(2), "-c:a", "mp2", str(source))
    data = bytearray(source.read_bytes())
    first = re.search(rb"\x00\x00\x01\xc0.{2}\xff*(?:[\x40-\x7f].)?[\x21\x31]", data, re.DOTALL)
    assert first is not None
    data[first.end()] |= 0x3A  # 45 minutes later
    source.write_bytes(data)

    outcome = await convert(source)

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(2.0, abs=0.03)


async def test_a_video_cd_without_pictures_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "source.mpg"
    run_ffmpeg(*a_tone(2), "-ar", "44100", "-ac", "2", "-c:a", "mp2", "-f", "vcd", str(source))

    outcome = await convert(source)

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(2.0, abs=0.03)
