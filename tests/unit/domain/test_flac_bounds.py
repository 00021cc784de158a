"""The blocks and frames of a FLAC file, with values on both sides of each limit."""

from __future__ import annotations

import pytest

from tests.support.flac import a_flac, a_frame, header
from tests.support.frames import reader
from worker.domain.containers import flac
from worker.domain.containers.flac_frames import crc16
from worker.domain.containers.structure import CUT_OFF, Structure

NO_FRAME = "the source is damaged: no frame follows the header of the FLAC file"
DISORDER = "the source is damaged: the frames of the FLAC file are in disorder"
FRAME_SECONDS = 4096 / 44_100


def examined(data: bytes) -> Structure:
    return flac.examine(reader(data), 0, len(data))


@pytest.mark.parametrize("second", [0xF8, 0xF9])
def test_one_frame_is_a_whole_file(second: int) -> None:
    data = a_flac(a_frame(0, second=second))

    assert examined(data) == Structure(0, len(data), track_seconds=(FRAME_SECONDS,))


def test_one_sample_is_a_whole_file() -> None:
    frame = header(6, 9, stated=b"\0") + b"content"

    assert examined(a_flac(frame + crc16(frame).to_bytes(2, "big"))).track_seconds == (1 / 44_100,)


def test_metadata_that_do_not_end_are_a_cut() -> None:
    data = a_flac()

    for length in range(4, len(data)):
        assert examined(data[:length]).problem == CUT_OFF


@pytest.mark.parametrize(("length", "problem"), [(15, CUT_OFF), (16, NO_FRAME)])
def test_sixteen_bytes_that_are_no_header_of_a_frame_are_damage_and_fewer_are_a_cut(length: int, problem: str) -> None:
    assert examined(a_flac(b"x" * length)).problem == problem


def test_frames_whose_numbers_do_not_grow_are_in_disorder() -> None:
    assert examined(a_flac(a_frame(1), a_frame(0))).problem == DISORDER
    assert examined(a_flac(a_frame(5), a_frame(0))).problem == DISORDER
    assert examined(a_flac(a_frame(5), a_frame(6))).track_seconds == (2 * FRAME_SECONDS,)


def test_a_block_of_variable_size_counts_samples() -> None:
    first, last = a_frame(100, second=0xF9), a_frame(101, second=0xF9)

    assert examined(a_flac(first, last)).track_seconds == (4097 / 44_100,)


def test_a_rate_that_neither_the_frames_nor_the_header_state_is_disorder() -> None:
    frame = a_frame(0, rate_code=0)

    assert examined(a_flac(frame, rate_hz=0)).problem == DISORDER
    assert examined(a_flac(frame, rate_hz=8000)).track_seconds == (4096 / 8000,)


@pytest.mark.parametrize(("stated", "is_said"), [(0, False), (1, True), (4095, True), (4096, False), (4097, True)])
def test_a_length_in_the_header_that_is_not_that_of_the_frames_is_said(stated: int, *, is_said: bool) -> None:
    assert bool(examined(a_flac(a_frame(0), samples=stated)).repairs) is is_said


@pytest.mark.parametrize(("length", "problem"), [(2, CUT_OFF), (15, CUT_OFF), (16, None)])
def test_fifteen_bytes_that_begin_as_a_frame_does_are_a_cut_and_more_are_junk(
    length: int, problem: str | None
) -> None:
    whole = a_flac(a_frame(0), a_frame(1))

    structure = examined(whole + b"\xff\xf8".ljust(length, b"\xff"))

    assert (structure.problem, structure.end if problem is None else len(whole)) == (problem, len(whole))


@pytest.mark.parametrize("length", [2, 13])
def test_a_header_that_is_cut_and_has_zeros_behind_it_is_a_cut(length: int) -> None:
    data = a_flac(a_frame(0), a_frame(1)) + b"\xff\xf8".ljust(length, b"\xff") + bytes(100)

    assert examined(data).problem == CUT_OFF


def an_ape_tag(content: bytes) -> bytes:
    """Without a header. It need not hold items."""
    counts = (2000).to_bytes(4, "little") + (len(content) + 32).to_bytes(4, "little")
    return content + b"APETAGEX" + counts + bytes(16)


def test_what_looks_like_a_frame_in_a_tag_is_none() -> None:
    whole = a_flac(a_frame(0), a_frame(1))

    assert examined(whole + an_ape_tag(a_frame(9)[:-1] + b"x" * 99)).end == len(whole)
    assert examined(a_flac() + an_ape_tag(a_frame(0))).problem == CUT_OFF  # there are no others


def test_as_many_zeros_as_are_looked_at_may_stand_between_the_frames_and_a_tag() -> None:
    whole = a_flac(a_frame(0), a_frame(1))

    structure = examined(whole + bytes(1 << 19) + an_ape_tag(b"x" * 99))

    assert (structure.problem, structure.end) == (None, len(whole) + 2)
