"""Zeros on either side of an offset, in the place of sound."""

from __future__ import annotations

from tests.support.frames import reader
from worker.domain.containers.zeros import zeros_are_behind, zeros_begin_before


def test_zeros_behind_an_offset_are_sixteen_at_least() -> None:
    sound = b"s" * 50

    assert zeros_are_behind(reader(sound + bytes(16)), 50, 66)
    assert not zeros_are_behind(reader(sound + bytes(15)), 50, 65)
    assert not zeros_are_behind(reader(sound + bytes(15) + b"x"), 50, 66)
    assert zeros_are_behind(reader(sound + bytes(16) + b"x"), 50, 67)


def test_zeros_begin_before_an_offset_where_sixteen_stand_on_either_side() -> None:
    for zeros, begins in ((16, True), (15, False)):
        data = b"s" * 50 + bytes(zeros) + bytes(16)
        assert zeros_begin_before(reader(data), 50 + zeros, len(data)) is begins
    assert zeros_begin_before(reader(b"s" * 50 + bytes(21)), 55, 71, few_bytes=5)
    assert not zeros_begin_before(reader(b"s" * 50 + bytes(20)), 54, 70, few_bytes=5)
    assert zeros_begin_before(reader(bytes(25)), 9, 25)  # no more are there
    assert not zeros_begin_before(reader(b"s" + bytes(24)), 9, 25)
