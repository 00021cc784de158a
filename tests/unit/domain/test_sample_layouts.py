"""What bytes mean as samples, and whether they are sound: every kind of sample is read as it was written."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from itertools import product

import pytest

from tests.support.frames import reader
from worker.domain.containers.samples import (
    ByteOrder,
    SampleLayout,
    _alaw,
    _mulaw,
    _roughness_of,
    _values,
    is_constant,
    is_rough,
    is_sound,
)
from worker.domain.containers.structure import ReadAt

TONE = [math.sin(number / 9) * 0.4 for number in range(500)]
NOISE = random.Random(7).randbytes(64_000)
# ITU-T G.711, tables 1a and 2a: each of eight segments begins with a value and has sixteen steps of a length.
MULAW_SEGMENTS = ((0, 2), (33, 4), (99, 8), (231, 16), (495, 32), (1023, 64), (2079, 128), (4191, 256))
ALAW_SEGMENTS = ((1, 2), (33, 2), (66, 4), (132, 8), (264, 16), (528, 32), (1056, 64), (2112, 128))


@pytest.mark.parametrize(("segment", "step"), list(product(range(8), range(16))))
def test_companded_samples_have_the_values_of_g_711(segment: int, step: int) -> None:
    code = segment << 4 | step
    begin, length = MULAW_SEGMENTS[segment]
    assert _mulaw(0xFF ^ code) == begin + step * length
    assert _mulaw(0x7F ^ code) == -(begin + step * length)
    begin, length = ALAW_SEGMENTS[segment]
    assert _alaw(0xD5 ^ code) == begin + step * length
    assert _alaw(0x55 ^ code) == -(begin + step * length)


@pytest.mark.parametrize("order", ["little", "big"])
def test_samples_of_each_size_and_order_are_read(order: ByteOrder) -> None:
    sign = "<" if order == "little" else ">"
    shorts, floats = (-32768, -1, 0, 1, 300, 32767), (-1.0, 0.25, 1.0)

    assert _values(struct.pack(f"{sign}6h", *shorts), SampleLayout("int", 2, 1, order)) == list(shorts)
    assert _values(struct.pack(f"{sign}3f", *floats), SampleLayout("float", 4, 1, order)) == list(floats)
    assert _values(struct.pack(f"{sign}3d", *floats), SampleLayout("float", 8, 1, order)) == list(floats)
    for size in (3, 4):  # of which the two highest bytes count
        wide = b"".join((value << 8 * (size - 2)).to_bytes(size, order, signed=True) for value in shorts)
        assert _values(wide, SampleLayout("int", size, 1, order)) == list(shorts)


def test_samples_of_one_byte_are_signed_or_begin_at_128() -> None:
    data = bytes((0, 1, 127, 128, 255))

    assert _values(data, SampleLayout("int", 1, 1)) == [0, 1, 127, -128, -1]
    assert _values(data, SampleLayout("unsigned", 1, 1)) == [-128, -127, -1, 0, 127]
    assert _values(b"\xff\x80", SampleLayout("mulaw", 1, 1)) == [0, 8031]
    assert _values(b"\xd5\xaa", SampleLayout("alaw", 1, 1)) == [1, 4032]


def test_only_samples_that_there_are_have_a_layout() -> None:
    known = {
        (kind, size)
        for kind in ("int", "unsigned", "float", "mulaw", "alaw", "adpcm")
        for size in range(10)
        if SampleLayout(kind, size, 2).if_known()
    }

    assert known == {("int", size) for size in (1, 2, 3, 4)} | {
        ("unsigned", 1),
        ("float", 4),
        ("float", 8),
        ("mulaw", 1),
        ("alaw", 1),
    }
    assert [SampleLayout("int", 2, channels).if_known() is not None for channels in (0, 1, 64, 65)] == [
        False,
        True,
        True,
        False,
    ]


def interleaved(channels: int) -> bytes:
    values = [round(32_000 * math.sin(number / 9 + channel)) for number in range(4000) for channel in range(channels)]
    return struct.pack(f"<{len(values)}h", *values)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_neighbouring_samples_of_each_channel_are_alike_in_sound_and_not_in_noise(channels: int) -> None:
    layout, sound = SampleLayout("int", 2, channels), interleaved(channels)

    assert is_sound(reader(sound), 0, len(sound), layout)
    assert not is_rough(reader(sound), 0, len(sound), layout)
    assert is_rough(reader(NOISE), 0, len(NOISE), layout)
    assert not is_sound(reader(NOISE), 0, len(NOISE), layout)


def test_silence_is_neither_sound_nor_noise() -> None:
    layout, silence = SampleLayout("int", 2, 2), bytes(50_000)

    assert not is_sound(reader(silence), 0, len(silence), layout)
    assert not is_rough(reader(silence), 0, len(silence), layout)


def test_floating_point_numbers_that_nobody_records_are_noise() -> None:
    layout = SampleLayout("float", 4, 1)
    for value, rough in ((1e6, True), (1e5, False), (math.nan, True), (math.inf, True)):
        data = struct.pack("<500f", *(sample * 1e5 for sample in TONE[:499]), value)
        assert is_rough(reader(data), 0, len(data), layout) == rough, value


def test_one_value_throughout_is_padding_wherever_another_stands_in_a_short_range() -> None:
    assert is_constant(reader(b"\xaa" * 1000), 0, 1000)
    assert is_constant(reader(b"x" + b"\xaa" * 999), 1, 1000)
    for at in (0, 500, 999):
        data = bytearray(b"\xaa" * 1000)
        data[at] = 0
        assert not is_constant(reader(bytes(data)), 0, 1000)


def test_the_windows_of_a_long_range_reach_its_end() -> None:
    data = bytes(1_000_000)

    assert is_constant(reader(data), 0, len(data))
    assert not is_constant(reader(data[:-1] + b"\x01"), 0, len(data))
    assert not is_constant(reader(b"\x01" + data[1:]), 0, len(data))


def test_windows_begin_with_a_frame_wherever_they_lie() -> None:
    layout = SampleLayout("int", 2, 3)
    sound = interleaved(3) * 9

    assert is_sound(reader(b"\0" + sound), 1, 1 + len(sound), layout)


def windows_of(ask: Callable[[ReadAt], object]) -> list[tuple[int, int]]:
    """The offset and the size of each reading for an answer."""
    calls: list[tuple[int, int]] = []

    def read_at(offset: int, size: int) -> bytes:
        calls.append((offset, size))
        return bytes(size)

    ask(read_at)
    return calls


@pytest.mark.parametrize(
    ("sample_bytes", "channels", "length"),
    [(1, 1, 1024), (2, 3, 6144), (4, 4, 16_384), (4, 5, 16_380), (4, 64, 16_384)],
)
def test_sixteen_windows_are_spread_evenly_from_the_begin_to_the_end(
    sample_bytes: int, channels: int, length: int
) -> None:
    layout, frames = SampleLayout("int", sample_bytes, channels), 123_457
    end = 77 + frames * layout.frame_bytes
    step = (frames - length // layout.frame_bytes) / 15  # in frames
    windows = [(77 + math.floor(step * number) * layout.frame_bytes, length) for number in range(16)]

    assert windows_of(lambda read_at: is_sound(read_at, 77, end, layout)) == windows
    if layout.frame_bytes == 1:
        assert windows_of(lambda read_at: is_constant(read_at, 77, end)) == windows


@pytest.mark.parametrize("frames", [1, 1023, 1024])
def test_a_range_no_longer_than_a_window_is_read_once(frames: int) -> None:
    layout, end = SampleLayout("int", 2, 2), 7 + 4 * frames

    assert windows_of(lambda read_at: is_sound(read_at, 7, end, layout)) == [(7, 4 * frames)]


@pytest.mark.parametrize(
    ("values", "channels", "roughness"),
    [
        ([0, 2], 1, 2.0),
        ([5, 7, 5], 1, 2 / (8 / 9)),
        ([0, 0, 2, 2], 2, 2.0),
        ([0, 9, 2, 11], 2, 2 / 4.5),
        ([1, 1], 1, None),
        ([1, 3], 2, None),  # one sample of each channel
        ([1], 2, None),
        ([], 1, None),
        ([0, 1e6], 1, math.inf),
        ([0, -1e6], 1, math.inf),
        ([1e6], 1, None),
    ],
)
def test_roughness_is_the_mean_step_over_the_mean_deviation(
    values: list[float], channels: int, roughness: float | None
) -> None:
    assert _roughness_of(values, channels) == (None if roughness is None else pytest.approx(roughness))
