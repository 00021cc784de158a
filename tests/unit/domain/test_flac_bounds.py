"""The blocks and frames of a FLAC file, with values on both sides of each limit."""

from __future__ import annotations

import pytest

from tests.support.flac import a_flac, a_frame, header
from tests.support.frames import reader
from worker.domain.containers import flac
from worker.domain.containers.flac_frames import crc16
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, MAX_PARTS, Structure

NO_FRAME = "the source is damaged: no frame follows the header of the FLAC file"
DISORDER = "the source is damaged: the frames of the FLAC file are in disorder"
NO_LAST_FRAME = "the source is damaged: behind the last whole frame of the FLAC file are bytes that are no frame"
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


@pytest.mark.parametrize("samples", [0, 3 * 4096])
@pytest.mark.parametrize("damaged_frames", [1, 2])
@pytest.mark.parametrize("at", [0, 1, 3, 4, 5])
def test_last_frames_whose_header_is_damaged_are_lost(at: int, damaged_frames: int, samples: int) -> None:
    frames = [bytearray(a_frame(number)) for number in range(3)]
    for frame in frames[-damaged_frames:]:
        frame[at] ^= 0x10

    assert examined(a_flac(*map(bytes, frames), samples=samples)).problem == NO_LAST_FRAME


@pytest.mark.parametrize(("samples", "problem"), [(0, NO_LAST_FRAME), (4095, NO_LAST_FRAME), (4096, None)])
def test_bytes_behind_the_last_frame_are_no_frame_where_the_header_counts_none_more(
    samples: int, problem: str | None
) -> None:
    whole = a_flac(a_frame(0), samples=samples)

    structure = examined(whole + b"0123456789")

    assert structure.problem == problem
    if problem is None:
        assert (structure.end, structure.repairs) == (len(whole), (BYTES_BEHIND,))


@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)])
def test_fewer_bytes_than_any_frame_has_are_none(tag: bytes) -> None:
    whole = a_flac(a_frame(0))

    structure = examined(whole + tag + b"012345678")

    assert (structure.problem, structure.end, structure.repairs) == (None, len(whole), (BYTES_BEHIND,))


def test_padding_behind_the_last_frame_is_not_said() -> None:
    whole = a_flac(a_frame(0))

    structure = examined(whole + b"\xff" * 100)

    assert (structure.problem, structure.end, structure.repairs) == (None, len(whole), ())


@pytest.mark.parametrize("tag", [b"", b"TAG" + b"t" * 125, b"ID3\x04\0\0\0\0\0\x02tt"])
def test_files_joined_to_one_are_parts(tag: bytes) -> None:
    one = a_flac(a_frame(0), a_frame(1), samples=2 * 4096)
    other = a_flac(a_frame(0, rate_code=10), samples=4096, rate_hz=48_000)

    structure = examined(one + tag + other)

    begins, ends = [0, len(one + tag)], [len(one), len(one + tag + other)]
    assert [part.read_range for part in structure.parts] == list(zip(begins, ends, strict=True))
    seconds = [2 * FRAME_SECONDS, 4096 / 48_000]
    assert [part.track_seconds for part in structure.parts] == [(each,) for each in seconds]
    assert (structure.problem, structure.begin, structure.end, structure.repairs) == (None, 0, ends[-1], ())
    assert structure.track_seconds == pytest.approx((sum(seconds),))


@pytest.mark.parametrize("frames", [1, 2, 40])
@pytest.mark.parametrize("files", [2, 3, 18, MAX_PARTS, MAX_PARTS + 1])
@pytest.mark.parametrize("second", [0xF8, 0xF9])
def test_joined_files_that_are_equally_long_are_parts(second: int, files: int, frames: int) -> None:
    step = 4096 if second == 0xF9 else 1
    one = a_flac(*(a_frame(number * step, second=second) for number in range(frames)), samples=frames * 4096)

    structure = examined(one * files)

    if files > MAX_PARTS:
        assert structure.problem == JOINED
        return
    ranges = [(number * len(one), (number + 1) * len(one)) for number in range(files)]
    assert [part.read_range for part in structure.parts] == ranges
    assert structure.track_seconds == pytest.approx((files * frames * FRAME_SECONDS,))
    assert not structure.repairs


def test_a_file_that_is_joined_to_another_may_be_cut_off() -> None:
    one, damaged = a_flac(a_frame(0), a_frame(1), samples=2 * 4096), a_flac(a_frame(0), samples=4096)[:-1]

    assert examined(damaged + one).problem == CUT_OFF
    assert examined(one + damaged).problem == CUT_OFF


def test_what_several_of_the_joined_files_state_wrongly_is_said_once() -> None:
    one = a_flac(a_frame(0), samples=2 * 4096)

    assert examined(one + one).repairs == ("the FLAC header states 0.19 s; the frames are whole and hold 0.09 s",)


@pytest.mark.parametrize("more", [0, 1])
def test_more_files_than_a_process_has_decoders_for_are_refused(more: int) -> None:
    one, last = a_flac(a_frame(0), samples=4096), a_flac(a_frame(0), a_frame(1), samples=2 * 4096)

    data = one * (MAX_PARTS - 1 + more) + last
    structure = examined(data)

    assert (structure.problem, structure.end) == (JOINED if more else None, len(data))
    assert len(structure.parts) == (0 if more else MAX_PARTS)


@pytest.mark.parametrize("second", [b"\xf8", b"\xf9"])
def test_a_last_frame_may_have_the_first_bytes_of_a_header_any_number_of_times(second: bytes) -> None:
    """As a sound that repeats itself has them: a constant behind ADPCM, say."""
    data = a_flac(
        a_frame(0), a_frame(1, b"constant sound \xff" + second), a_frame(2, (b"constant \xff" + second) * 300)
    )

    assert examined(data) == Structure(0, len(data), track_seconds=(3 * FRAME_SECONDS,))


@pytest.mark.parametrize(("length", "problem"), [(2, CUT_OFF), (15, CUT_OFF), (16, None)])
def test_fifteen_bytes_that_begin_as_a_frame_does_are_a_cut_and_more_are_junk(
    length: int, problem: str | None
) -> None:
    whole = a_flac(a_frame(0), a_frame(1), samples=2 * 4096)

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
