"""What the filters print of the peaks is read whole, also where they begin anew, and never half."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from worker.adapters.ffmpeg.peaks import to_waveform
from worker.domain.audio import AudioFormat
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError
from worker.domain.waveform import Waveform

_WAVEFORM = Waveform("json", samples_per_point=100, bits=16)
_ENCODING = Encoding(AudioFormat.WAVEFORM, 1000, 1, 16, None, waveform=_WAVEFORM)


def frame(number: int, clock: int, low: int, high: int) -> str:
    levels = (f"lavfi.astats.1.M{name}_level={value}.000000\n" for name, value in (("in", low), ("ax", high)))
    return f"frame:{number:<4} pts:{clock:<7} pts_time:{clock / 1000}\n" + "".join(levels)


def written(path: Path, printed: str, seconds: float) -> dict[str, Any]:
    path.write_text(printed)
    artifact = to_waveform(path, _ENCODING, _WAVEFORM, seconds)
    assert artifact.size_bytes == path.stat().st_size
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_filters_that_begin_anew_go_on_at_the_place_that_the_clock_says(tmp_path: Path) -> None:
    printed = frame(0, 0, -1, 1) + frame(1, 100, -2, 2) + frame(0, 130, -9, 1) + frame(1, 230, -4, 4)

    found = written(tmp_path / "out", printed, 0.3)

    assert found["data"] == [-1, 1, -9, 2, -4, 4]


def test_a_pause_where_the_filters_begin_anew_is_silence(tmp_path: Path) -> None:
    found = written(tmp_path / "out", frame(0, 0, -1, 1) + frame(0, 300, -3, 3), 0.4)

    assert found["data"] == [-1, 1, 0, 0, 0, 0, -3, 3]


def test_a_clock_that_jitters_moves_no_point(tmp_path: Path) -> None:
    found = written(tmp_path / "out", frame(0, 0, -1, 1) + frame(1, 40, -2, 2) + frame(2, 290, -3, 3), 0.3)

    assert found["data"] == [-1, 1, -2, 2, -3, 3]


@pytest.mark.parametrize(
    ("printed", "seconds"),
    [
        (frame(0, 0, -1, 1), 0.4),
        (frame(0, 0, -1, 1) + frame(1, 100, -1, 1) + frame(2, 200, -1, 1), 0.1),
        ("", 0.1),
        (frame(0, 0, -1, 1) + "frame:1    pts:100  pts_time:0.1\n", 0.2),
        ("lavfi.astats.1.Min_level=0.000000\n", 0.1),
        (frame(0, 0, -1, 1) + frame(0, 10**15, -1, 1), 0.1),
        (frame(0, 0, -1, 1).rstrip("\n") + "0" * 1_000_000, 0.1),
    ],
    ids=["too few", "too many", "none", "half a frame", "no frame", "a clock of ages", "no end of a line"],
)
def test_a_waveform_whose_points_are_not_all_there_is_none(printed: str, seconds: float, tmp_path: Path) -> None:
    with pytest.raises(ConverterCrashedError):
        written(tmp_path / "out", printed, seconds)

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
