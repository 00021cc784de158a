"""Where samples end by their stated size, with values on both sides of each limit, in files that are not made."""

from __future__ import annotations

import math

import pytest

from tests.support.frames import reader
from tests.unit.domain.test_data_end import a_wav, examined
from worker.domain.containers.data_end import DataEnd, Samples, find_end
from worker.domain.containers.structure import CUT_OFF

SLACK = 64  # bytes, less than a millisecond
BEGIN = 1000


def end_of(stated: int, there: int, *, is_wide: bool = False) -> DataEnd:
    """In a file of zeros, of which so many bytes follow on the beginning of the samples."""
    size = BEGIN + there

    def read_at(offset: int, length: int) -> bytes:
        return bytes(max(0, min(length, size - offset)))

    return find_end(read_at, Samples(BEGIN, stated, None, is_wide=is_wide), size, lambda offset: offset)


@pytest.mark.parametrize(("there", "problem"), [(17_000_000, CUT_OFF), (16_999_999, None)])
def test_a_large_size_that_is_no_round_number_is_a_placeholder_from_16_times_what_is_there(
    there: int, problem: str | None
) -> None:
    assert end_of(272_000_000, there).problem == problem
    assert end_of(272_000_000, there, is_wide=True).problem == CUT_OFF


@pytest.mark.parametrize("behind", [0, 30, 64, 65, 5000])
def test_a_round_size_that_is_there_is_none(behind: int) -> None:
    assert end_of(1 << 28, (1 << 28) + behind).sound == BEGIN + (1 << 28)


@pytest.mark.parametrize("there", [(1 << 28) - 65, (1 << 28) - 5000, 1000, 0])
def test_a_round_size_that_is_not_there_ends_with_the_file(there: int) -> None:
    assert (end_of(1 << 28, there).problem, end_of(1 << 28, there).sound) == (None, BEGIN + there)
    assert end_of(1 << 28, there, is_wide=True).problem == CUT_OFF


@pytest.mark.parametrize("there", [3 << 30, (4 << 30) - 1, (6 << 30) - 1])
def test_zeros_of_gibibytes_behind_the_samples_are_no_size_that_wrapped(there: int) -> None:
    end = end_of(2 << 30, there)

    assert (end.sound, end.goes_on) == (BEGIN + (2 << 30), False)


@pytest.mark.parametrize("there", [6 << 30, 10 << 30])
def test_a_size_that_wrapped_is_a_multiple_of_4_gib_short(there: int) -> None:
    end = end_of(2 << 30, there)

    assert (end.sound, end.goes_on) == (BEGIN + there, True)


@pytest.mark.parametrize(("short", "is_end"), [(-1, False), (0, True), (1, True), (2, False)])
def test_samples_without_a_size_end_where_chunks_begin_that_end_with_the_file_or_a_byte_before(
    short: int, *, is_end: bool
) -> None:
    data = b"x" * 99 + b"LIST" + b"y" * 40

    end = find_end(reader(data), Samples(9, None, None), len(data), lambda _: len(data) - short)

    assert end.sound == (99 if is_end else len(data))


def test_samples_behind_the_end_of_the_file_are_cut_off_or_none() -> None:
    assert find_end(reader(b"x" * 99), Samples(200, 10, None), 99, lambda offset: offset).problem == CUT_OFF


@pytest.mark.parametrize("stated", [4001, 4002, 4003])
def test_sound_that_goes_on_is_known_whatever_part_of_a_sample_is_stated(stated: int) -> None:
    values = [int(3_000_000 * math.sin(n / 3) + 900_000 * math.sin(n / 7)) for n in range(4000)]
    samples = b"".join(value.to_bytes(3, "little", signed=True) for value in values)

    structure = examined(a_wav(samples, stated, bits=24))

    assert (structure.problem, structure.end) == (None, 44 + 12_000)


def test_sound_behind_an_empty_chunk_is_not_taken_for_the_rest_of_the_samples() -> None:
    tone = b"".join(int(9000 * math.sin(n / 3)).to_bytes(2, "little", signed=True) for n in range(4000))

    for behind in (b"JUNK\0\0\0\0" + tone, b"LIST\0\0\0\0" + tone):
        assert examined(a_wav(tone, behind=behind)).end == 44 + 8000
