"""MPEG program streams: what lies between their packets and behind them."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers import mpegps
from worker.domain.containers.structure import Structure


def examined(data: bytes) -> Structure:
    return mpegps.examine(reader(data), 0, len(data))


@pytest.mark.parametrize(
    ("rest", "is_junk"),
    [
        (b"xy" * 8192, True),
        (b"xy" * 8192 + b"x", False),
        (b"y" * 99_999, True),
        (b"junk\0\0\1\xc0", False),
        (b"\0\0\1\xc0", False),
        (b"\0", False),
    ],
)
def test_behind_a_program_stream_short_junk_is_none_of_its_sound_where_no_packet_begins(
    rest: bytes, *, is_junk: bool
) -> None:
    assert (examined(sound("video.mpg").read_bytes() + rest).problem is None) == is_junk


def test_zeros_that_fill_a_sector_lie_between_packets_of_a_program_stream() -> None:
    data = sound("video.mpg").read_bytes()
    second = data.index(b"\0\0\x01\xba", 4)

    assert examined(data[:second] + bytes(20) + data[second:]).problem is None
    assert examined(data[:second] + bytes(20) + b"x" + data[second:]).problem
