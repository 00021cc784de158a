"""How waveforms are made and written: points, bits, blocks, and pictures pixel by pixel."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

import pytest

from tests.support.waveforms import read_png
from worker.domain.audio import AudioFormat
from worker.domain.location import ObjectLocation
from worker.domain.output import OutputSpec
from worker.domain.waveform import Waveform, waveform_of
from worker.domain.waveform_picture import to_png

FULL = 32_768


def spec(extension: str, **options: int) -> OutputSpec:
    return OutputSpec(ObjectLocation("bucket", f"key.{extension}"), AudioFormat.WAVEFORM, **options)  # type: ignore[arg-type]


def test_a_waveform_has_20_points_a_second_of_8_bits_unless_others_are_asked_for() -> None:
    assert waveform_of(spec("json"), rate_hz=44_100, seconds=None) == Waveform("json", 2205, 8)
    assert waveform_of(spec("dat", points_per_second=100, bits=16), rate_hz=8000, seconds=9.0) == Waveform(
        "dat", 80, 16
    )
    assert waveform_of(spec("dat", points_per_second=999), rate_hz=500, seconds=9.0).samples_per_point == 1
    assert waveform_of(spec("dat", points_per_second=300), rate_hz=500, seconds=9.0).samples_per_point == 1


@pytest.mark.parametrize(
    ("seconds", "samples_per_point"),
    [
        (None, 48),  # 1000 points a second, which is the most
        (3.6, 48),
        (1.0, 48),
        (3600.0, 48_000),  # one point a second, where two points are a column
        (36_000.0, 48_000),  # no less than one point a second
        (1800.0, 24_000),
        (1799.9, 16_000),  # rounded up to three
    ],
)
def test_a_picture_has_two_points_for_each_column(seconds: float | None, samples_per_point: int) -> None:
    assert waveform_of(spec("png"), rate_hz=48_000, seconds=seconds) == Waveform("png", samples_per_point)


def test_a_picture_is_1800_pixels_wide_and_140_high_unless_another_size_is_asked_for() -> None:
    waveform = waveform_of(spec("png"), rate_hz=48_000, seconds=60.0)

    assert (waveform.width, waveform.height) == (1800, 140)


def test_a_picture_has_the_size_that_is_asked_for_and_takes_no_more_bytes_than_pixels() -> None:
    waveform = waveform_of(spec("png", width=300, height=40), rate_hz=48_000, seconds=60.0)

    assert waveform == Waveform("png", 4800, width=300, height=40)
    assert waveform.picture_bytes == 12_000
    assert Waveform("json", 1).picture_bytes == 0


def test_the_last_point_may_be_of_fewer_samples() -> None:
    waveform = Waveform("json", 100)

    assert [waveform.length(samples) for samples in (0, 1, 99, 100, 101)] == [0, 1, 1, 1, 2]


POINTS = [(-FULL, FULL - 1), (-257, 256), (-256, 255), (-255, -1), (0, 511)]
IN_8_BITS = [-128, 127, -1, 1, -1, 0, 0, 0, 0, 1]


def written(waveform: Waveform, points: Sequence[Sequence[int]], channels: int = 1) -> bytes:
    return b"".join(waveform.written(points, length=len(points), channels=channels, rate_hz=44_100))


@pytest.mark.parametrize(("bits", "data"), [(8, IN_8_BITS), (16, [each for point in POINTS for each in point])])
def test_points_are_written_in_8_bits_towards_zero_or_in_16(bits: int, data: list[int]) -> None:
    head = {"version": 2, "channels": 1, "sample_rate": 44_100, "samples_per_pixel": 300, "bits": bits, "length": 5}

    text = written(Waveform("json", 300, bits), POINTS)
    binary = written(Waveform("dat", 300, bits), POINTS)

    assert text == json.dumps(head | {"data": data}, separators=(",", ":")).encode() + b"\n"
    code = "b" if bits == 8 else "h"
    assert binary == struct.pack(f"<iIiiIi10{code}", 2, bits == 8, 44_100, 300, 5, 1, *data)


@pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 8192])
def test_a_waveform_is_written_in_blocks_of_4096_points(count: int) -> None:
    points = [(-number % 30_000, number % 30_000) for number in range(count)]

    blocks = list(Waveform("dat", 300, 16).written(points, length=count, channels=1, rate_hz=44_100))

    assert [len(block) // 4 for block in blocks[1:]] == [4096] * (count // 4096) + [count % 4096] * (count % 4096 > 0)
    assert json.loads(written(Waveform("json", 300, 16), points))["data"] == [
        each for point in points for each in point
    ]


def pixels(data: bytes) -> list[str]:
    return ["".join("#" if is_drawn else "." for is_drawn in row) for row in read_png(data)]


def drawn(extremes: list[tuple[int, int]], width: int, height: int) -> list[str]:
    return pixels(b"".join(to_png(extremes, len(extremes), width, height)))


def test_a_column_reaches_from_its_highest_sample_to_its_lowest_and_silence_is_the_middle() -> None:
    extremes = [(-FULL, FULL - 1), (0, 0), (0, FULL), (-FULL, 0), (-FULL // 2, FULL // 2)]

    assert drawn(extremes, 5, 4) == [
        "#.#..",
        "#.#.#",
        "#####",
        "#..##",
    ]


def test_points_that_share_a_column_are_one_and_one_that_is_wider_is_in_several() -> None:
    loud, silent = (-FULL, FULL), (0, 0)

    assert drawn([loud, silent, silent, silent], 2, 2) == ["#.", "##"]
    assert drawn([silent, loud], 4, 2) == ["..##", "####"]
    assert drawn([silent, loud, silent], 7, 2) == ["..##...", "#######"]
    assert drawn([silent] * 7 + [loud], 3, 2) == ["..#", "###"]


def test_channels_are_drawn_as_one() -> None:
    waveform = Waveform("png", 1, width=2, height=2)
    points = [(0, FULL, -FULL, 0), (-FULL, 0, 0, 0)]

    assert pixels(written(waveform, points, channels=2)) == ["#.", "##"]


def test_a_picture_has_two_colours_of_which_one_is_transparent() -> None:
    data = b"".join(to_png([(0, 0)], 1, 1, 1))

    assert b"PLTE" + bytes((255, 255, 255, 43, 108, 176)) in data
    assert b"tRNS" + bytes((0, 255)) in data
