"""Checksums of ADTS frame by frame, and where an element may end, with values on both sides of each limit."""

from __future__ import annotations

import random

import pytest

from tests.support.adts import a_stream, bits_of, crc_of
from worker.domain.containers.adts_checksum import (
    Checksums,
    _behind_fill,
    _ends,
    _fills_before,
    _has_stretch,
    _may_hold_data,
)

NAME = "000"


def judged(*frames: bytes) -> list[bool]:
    checksums = Checksums()
    return [checksums.is_right(frame, 0, len(frame)) for frame in frames]


def otherwise(frame: bytes) -> bytes:
    return frame[:7] + bytes((frame[7] ^ 0x5A, frame[8] ^ 0xA5)) + frame[9:]


def with_header(frame: bytes, number: int, bits: int) -> bytes:
    """Some bits of a byte of the header set, and the checksum that follows from it. For one channel."""
    header = bytearray(frame[:7])
    header[number] |= bits
    return bytes(header) + crc_of(bits_of(bytes(header)) + bits_of(frame[9:])[3:195]).to_bytes(2, "big") + frame[9:]


def test_a_checksum_counts_once_eight_frames_had_it_right() -> None:
    frames = a_stream(1)

    assert judged(*frames[:8], otherwise(frames[8])) == [True] * 8 + [False]
    assert judged(*frames[:7], otherwise(frames[7]), *map(otherwise, frames[8:20])) == [True] * 20
    assert judged(*frames[:7], frames[0], otherwise(frames[7]), *map(otherwise, frames[8:20])) == [True] * 21


def test_a_frame_is_compared_where_all_of_it_is_there() -> None:
    checksums = Checksums()
    assert all(checksums.is_right(frame, 0, len(frame)) for frame in a_stream(1)[:8])
    wrong = otherwise(a_stream(1)[8])

    assert checksums.is_right(wrong, 0, len(wrong) + 1)
    assert not checksums.is_right(b"before" + wrong + b"behind", 6, 6 + len(wrong))


@pytest.mark.parametrize(
    ("number", "bits", "is_compared"),
    [(1, 1, False), (6, 1, False), (6, 2, False), (2, 1, False), (3, 0xC0, False), (2, 2, True), (1, 8, True)],
    ids=["no checksum", "two blocks", "three blocks", "five channels", "three channels", "private bit", "MPEG-2"],
)
def test_only_frames_of_one_block_and_one_or_two_channels_are_compared(
    number: int, bits: int, *, is_compared: bool
) -> None:
    frames = [with_header(frame, number, bits) for frame in a_stream(1)[:12]]

    assert judged(*frames, otherwise(frames[8])) == [True] * 12 + [not is_compared]


@pytest.mark.parametrize(
    ("number", "bits", "is_trusted"),
    [(1, 0x08, False), (2, 0x80, False), (2, 0x04, False), (3, 0x20, False), (3, 0x01, True), (3, 0x08, True)],
)
def test_frames_that_differ_in_their_fixed_header_are_judged_apart(
    number: int, bits: int, *, is_trusted: bool
) -> None:
    frames = a_stream(1)
    other = otherwise(with_header(frames[20], number, bits))

    assert judged(*frames[:8], other)[-1] is not is_trusted


@pytest.mark.parametrize(("right", "is_off"), [(88, True), (89, True), (90, False)])
def test_eleven_wrong_frames_of_a_hundred_end_the_comparison(right: int, *, is_off: bool) -> None:
    frames = a_stream(1)
    wrong = otherwise(frames[9])
    checksums = Checksums()

    def is_right(frame: bytes) -> bool:
        return checksums.is_right(frame, 0, len(frame))

    assert all(map(is_right, frames[:8]))
    assert not any(map(is_right, [wrong] * 10))
    assert not checksums.is_off
    assert all(map(is_right, [frames[10]] * right))
    assert not is_right(wrong)
    assert checksums.is_off is is_off
    assert is_right(wrong) is is_off


@pytest.mark.parametrize(
    ("count", "length"), [("0000", 0), ("0001", 1), ("1110", 14), ("111100000000", 14), ("111111111111", 269)]
)
def test_bytes_in_front_of_the_sound_have_a_count_in_four_or_twelve_bits(count: str, length: int) -> None:
    assert _behind_fill(f"110{count}{'1' * 8 * length}001") == 3 + len(count) + 8 * length


def a_fill(length: int) -> str:
    return "110" + (f"{length:04b}" if length < 15 else f"1111{length - 14:08b}") + "0" * 8 * length


@pytest.mark.parametrize("length", [0, 1, 14, 15, 142, 268, 269])
def test_bytes_behind_the_sound_are_found_by_their_count(length: int) -> None:
    bits = NAME + a_fill(length)

    assert _fills_before(bits, 0, len(bits)) == [3]
    assert _fills_before(bits, 1, len(bits)) == []  # then they begin within the element's name
    assert _fills_before(bits, 0, len(bits) - 1) == []
    assert _fills_before("0" * 8 + bits, 8, len(bits) + 8) == [11]


def test_no_more_than_269_bytes_fill_a_frame_up() -> None:
    bits = NAME + "110" + "1111" + "100000000" + "1" * (8 * 270 - 1)

    assert _fills_before(bits, 0, len(bits)) == []


def a_data_element(length: int) -> str:
    count = f"{length:08b}" if length < 255 else f"11111111{length - 255:08b}"
    return "100" + "0101" + "0" + count + "1" * 8 * length


@pytest.mark.parametrize("length", [0, 1, 254, 255, 256, 509, 510])
def test_data_behind_the_sound_are_found_by_their_count(length: int) -> None:
    bits = NAME + a_data_element(length)

    assert _may_hold_data(bits, 0, len(bits))
    assert not _may_hold_data(bits, 1, len(bits))
    assert not _may_hold_data(bits, 0, len(bits) - 1)
    assert _may_hold_data("0" * 8 + bits, 8, len(bits) + 8)


def test_no_more_than_510_bytes_are_data() -> None:
    bits = NAME + "100" + "0101" + "0" + "11111111" + "100000000" + "1" * (8 * 511 - 1)

    assert not _may_hold_data(bits, 0, len(bits))
    assert not _may_hold_data(NAME + "100" + "0101" + "0" + "1" * 8 + "1" * 8 * 255, 0, 3 + 16 + 8 * 255)


def test_an_element_may_end_before_each_of_those_that_fill_the_frame_up_but_where_data_may_be() -> None:
    element = NAME + "0" * 18
    bits = element + a_fill(5) + a_fill(20)

    assert list(_ends(bits, 0, len(bits))) == [len(bits), len(element + a_fill(5)), len(element)]
    assert list(_ends(element, 0, len(element))) == [len(element)]
    with_data = element + a_data_element(40)
    for behind in ("", a_fill(5)):
        assert list(_ends(with_data + behind, 0, len(with_data + behind))) == []


def test_data_in_whole_bytes_may_end_where_a_byte_does() -> None:
    assert [end for end in range(30) if _may_hold_data("0" * 30, 0, end)] == [0, 8, 16, 24]


def test_128_bits_with_a_checksum_are_found_wherever_they_begin() -> None:
    chance = random.Random(5)
    element = f"1{chance.getrandbits(149):0149b}"

    def checksum_of(bits: str) -> int:
        state = 0
        for bit in bits[:128].ljust(128, "0"):
            state = (state << 1 ^ (0x8005 if (state >> 15) ^ int(bit) else 0)) & 0xFFFF
        return state

    there = {checksum_of(element[begin:]) for begin in range(len(element))}
    others = {0, checksum_of("0" + element), checksum_of("00" + element), *(found ^ 1 for found in there)} - there
    assert all(_has_stretch(element, checksum) for checksum in there)
    assert not any(_has_stretch(element, checksum) for checksum in others)
    assert not _has_stretch("", 1)
