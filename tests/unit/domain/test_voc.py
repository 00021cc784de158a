"""The blocks of a VOC, and what lies behind them."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from worker.domain.containers import voc
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, Structure


def examined(data: bytes) -> Structure:
    return voc.examine(reader(data), 0, len(data))


def a_voc(*blocks: bytes, header_bytes: int = 26) -> bytes:
    head = b"Creative Voice File\x1a" + struct.pack("<HHH", header_bytes, 0x10A, 0x1129)
    return head.ljust(header_bytes, b"\xff") + b"".join(blocks)


def a_block(kind: int, content: bytes, *, more: int = 0) -> bytes:
    return bytes([kind]) + (len(content) + more).to_bytes(3, "little") + content


def test_voc_is_blocks_behind_a_header_to_one_byte_that_ends_them() -> None:
    sound = a_block(1, b"s" * 70_000)
    for header_bytes in (26, 300):
        data = a_voc(sound, a_block(2, b"t" * 99), header_bytes=header_bytes)
        structure = examined(data + b"\0")
        assert (structure.problem, structure.begin, structure.end) == (None, header_bytes, len(data) + 1)
        assert structure.read_range is None
        assert examined(data + b"\0xx").read_range == (0, len(data) + 1)
        assert examined(data).problem is None
        assert examined(data[:-110]).problem == CUT_OFF
        assert examined(data[:header_bytes]).problem == CUT_OFF
        assert examined(data[: header_bytes + 1]).problem is None
        assert examined(data + b"\0" + data).problem == JOINED


def test_pauses_are_refused_by_their_kind() -> None:
    assert "pauses" in (examined(a_voc(a_block(1, b"s" * 99), a_block(3, b"\0\0\0"))).problem or "")
    assert examined(a_voc(a_block(1, b"s" * 0x103))).problem is None


@pytest.mark.parametrize("first", range(256))
def test_the_samples_behind_a_length_that_is_too_small_are_no_blocks(first: int) -> None:
    """SoX states 8 bytes less than it writes, and reads as much."""
    data = a_voc(a_block(9, b"s" * 99))

    structure = examined(data + bytes([first]) + b"\xff" * 7 + b"\0")

    assert (structure.problem, structure.end) == (None, len(data) + 1)


@pytest.mark.parametrize("length", [0, 1, 60, 61])
def test_a_last_block_of_voc_that_is_short_is_sound(length: int) -> None:
    data = a_voc(a_block(1, b"s" * 200), a_block(2, b"t" * length))

    assert (examined(data).problem, examined(data).end, examined(data).repairs) == (None, len(data), ())


@pytest.mark.parametrize(("rest", "problem"), [(64, None), (65, CUT_OFF)])
def test_a_last_block_of_voc_that_is_cut_off_is_junk_up_to_64_bytes(rest: int, problem: str | None) -> None:
    data = a_voc(a_block(1, b"s" * 200), a_block(2, b"t" * (rest - 4), more=9))

    assert examined(data).problem == problem


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (b"x" * 9 + b"y", None),
        (b"TAG" + bytes(125), None),
        (bytes(99_999), None),
        (b"xy" * 8192, None),
        (b"xy" * 8193, "the source is damaged: its last 16386 bytes are no audio"),
    ],
)
def test_what_lies_behind_a_zero_that_ends_a_voc_is_said_and_much_of_it_may_be_sound(
    rest: bytes, problem: str | None
) -> None:
    data = a_voc(a_block(1, b"s" * 99)) + b"\0"

    structure = examined(data + rest)

    assert structure.problem == problem
    assert structure.repairs == (() if rest.startswith((b"TAG", b"\0")) else (BYTES_BEHIND,))


def test_a_voc_in_which_bytes_are_missing_is_damaged() -> None:
    blocks = [a_block(1, bytes([200 + number]) * 7000) for number in range(20)]
    data = a_voc(*blocks) + b"\0"

    assert examined(data).problem is None
    assert "no audio" in (examined(data[:40_000] + data[41_000:]).problem or "")
