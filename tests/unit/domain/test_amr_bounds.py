"""The frames of AMR, with values on both sides of each limit."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from tests.support.rare_sounds import ID3V1
from worker.domain.containers import amr
from worker.domain.containers.structure import CUT_OFF, JOINED, Structure
from worker.domain.containers.zeros import ZEROS_AMID_SOUND

AMR_FRAME = b"\x3c" + b"\x55" * 31  # 12.2 kbit/s


def examined(data: bytes) -> Structure:
    return amr.examine(reader(data), 0, len(data))


@pytest.mark.parametrize(("frames", "is_lost"), [(3, False), (4, True), (9, True)])
def test_four_frames_of_amr_up_to_the_end_behind_what_is_none_are_lost_speech(frames: int, *, is_lost: bool) -> None:
    data = b"#!AMR\n" + AMR_FRAME * 50 + b"\xff" * 9 + AMR_FRAME * frames

    structure = examined(data)

    rest = 9 + 32 * frames
    if is_lost:
        assert structure.problem == f"the source is damaged: its last {rest} bytes are not all frames of audio"
    else:
        assert structure.problem is None
        assert structure.repairs == (f"{rest} bytes of junk behind the sound were skipped",)


@pytest.mark.parametrize(("magic", "first", "length"), [(b"#!AMR\n", 0x3C, 32), (b"#!AMR-WB\n", 0x44, 61)])
def test_amr_is_frames_of_20_ms_from_its_name_to_the_end(magic: bytes, first: int, length: int) -> None:
    frame = bytes([first]) + b"\x55" * (length - 1)
    data = magic + frame * 50

    structure = examined(data)

    assert (structure.problem, structure.begin, structure.end) == (None, len(magic), len(data))
    assert structure.track_seconds == pytest.approx((1.0,))
    assert (structure.frame_bytes, structure.read_range) == (50 * length, None)
    assert examined(data[:-1]).problem == CUT_OFF
    assert examined(data + magic + frame * 50).problem == JOINED
    assert examined(data + bytes(20)).read_range == (0, len(data))


AMR_WB_FRAME = b"\x44" + b"\x55" * 60


@pytest.mark.parametrize(
    "number", [0, 17_188, 17_189, 17_190, 17_299]
)  # the block that is read at once ends in 17,189
@pytest.mark.parametrize("behind", [b"", ID3V1])
def test_a_frame_of_amr_whose_padding_is_not_zero_is_one_where_frames_follow_or_the_end(
    number: int, behind: bytes
) -> None:
    damaged = b"\xc5" + AMR_WB_FRAME[1:]
    data = b"#!AMR-WB\n" + AMR_WB_FRAME * number + damaged + AMR_WB_FRAME * (17_299 - number) + behind

    assert examined(data).track_seconds == pytest.approx((346.0,))


@pytest.mark.parametrize(("following", "frames"), [(9, 5), (10, 16)])
def test_ten_frames_in_a_row_show_that_a_frame_with_wrong_padding_is_one(following: int, frames: int) -> None:
    data = b"#!AMR\n" + AMR_FRAME * 5 + b"\xbd" + AMR_FRAME[1:] + AMR_FRAME * following + b"\xff\xfe" * 50

    assert examined(data).track_seconds == pytest.approx((0.02 * frames,))


@pytest.mark.parametrize(("rest", "is_damaged"), [(32_000, False), (32_001, True)])
def test_a_tenth_of_the_sound_may_be_junk_behind_amr(rest: int, *, is_damaged: bool) -> None:
    data = b"#!AMR\n" + AMR_FRAME * 10_000 + (b"\xff\xfe" * 16_001)[:rest]

    assert (examined(data).problem is not None) is is_damaged


def test_a_frame_of_amr_of_bad_quality_is_one_and_zeros_are_none() -> None:
    frame = b"\0" + b"\x55" * 12

    assert examined(b"#!AMR\n" + frame * 50).track_seconds == pytest.approx((1.0,))
    assert examined(b"#!AMR\n" + frame * 50 + bytes(13)).track_seconds == pytest.approx((1.0,))


def test_zeros_behind_amr_begin_amid_a_frame_where_the_one_before_does_not_end_with_them() -> None:
    data, silent = b"#!AMR\n" + AMR_FRAME * 9, AMR_FRAME[:27] + bytes(5)

    for there in (3, 27):
        cut = AMR_FRAME[:there] + bytes(32 - there)
        assert examined(data + cut + bytes(20)).problem == ZEROS_AMID_SOUND
        assert examined(data + silent + cut + bytes(20)).problem is None
    assert examined(data + AMR_FRAME[:28] + bytes(4) + bytes(20)).problem is None
