"""What the frames of a FLAC file say: where they begin and end and how long they are, whatever the header states."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.frames import ID3_TAG, reader
from tests.support.sounds import sound
from worker.domain.containers import flac
from worker.domain.containers.flac_frames import LONGEST_HEADER_BYTES, crc8, crc16, end_of_frame, frame_header
from worker.domain.containers.structure import CUT_OFF, Structure

SECONDS = 2.3
NO_FRAME = "the source is damaged: no frame follows the header of the FLAC file"
NO_LAST_FRAME = "the source is damaged: behind the last whole frame of the FLAC file are bytes that are no frame"
ID3V1 = b"TAG" + b"x" * 125
APE = b"APETAGEX" + (2000).to_bytes(4, "little") + (132).to_bytes(4, "little") + bytes(16)


@cache
def whole() -> bytes:
    return sound("plain.flac").read_bytes()


@cache
def frames() -> list[int]:
    """Where the frames of the whole file begin, and where the last one ends."""
    data = whole()
    found = [at for at in range(len(data)) if frame_header(data[at : at + LONGEST_HEADER_BYTES])]
    pairs = zip(found, [*found[1:], len(data)], strict=True)
    return [*(first for first, behind in pairs if _fits(data[first:behind])), len(data)]


def _fits(data: bytes) -> bool:
    return end_of_frame(data, 0) == len(data)


def examined(data: bytes, *, start: int = 0) -> Structure:
    return flac.examine(reader(data), start, len(data))


def test_a_whole_file_has_the_length_of_its_frames_and_no_repairs() -> None:
    structure = examined(whole())

    assert structure == Structure(0, len(whole()), track_seconds=(SECONDS,))
    assert len(frames()) > 10


def _with_rate_code(code: int) -> bytes:
    """The whole file with another code for the rate in its first frame and in its last, and right checksums."""
    data, begins = whole(), frames()
    for begin, end in ((begins[0], begins[1]), (begins[-2], begins[-1])):
        frame = data[begin:end]
        length = next(each for each in range(5, LONGEST_HEADER_BYTES) if crc8(frame[:each]) == frame[each])
        header = frame[:2] + bytes((frame[2] & 0xF0 | code,)) + frame[3:length]
        changed = header + bytes((crc8(header),)) + frame[length + 1 : -2]
        data = data[:begin] + changed + crc16(changed).to_bytes(2, "big") + data[end:]
    return data


@pytest.mark.parametrize(("code", "rate_hz"), [(0, 44_100), (9, 44_100), (10, 48_000)])
def test_the_frames_have_the_rate_that_they_state_or_else_that_of_the_header(code: int, rate_hz: int) -> None:
    assert examined(_with_rate_code(code)).track_seconds == pytest.approx((SECONDS * 44_100 / rate_hz,))


@given(st.integers(0, 1 << 20))
@example(14_700)
def test_a_cut_within_a_frame_is_noticed(length: int) -> None:
    length %= len(whole())

    structure = examined(whole()[:length])

    if structure.problem is None:  # the checksum fitted by chance, and the decoder will see a broken frame
        assert length in frames() or structure.end < length
    elif structure.problem != CUT_OFF:  # it fitted within the frame that is cut off
        assert structure.problem == NO_LAST_FRAME


def test_a_cut_that_leaves_the_beginning_of_a_header_is_noticed() -> None:
    for rest in range(1, 6):
        assert examined(whole()[: frames()[5] + rest]).problem == CUT_OFF


@pytest.mark.parametrize(
    "behind", [b"TAG" + bytes(125), b"TAG" + b"x" * 125, bytes(100) + APE, bytes(3), bytes(500_000)]
)
@pytest.mark.parametrize("front", [b"", ID3_TAG, ID3_TAG + ID3_TAG])
def test_tags_and_zeros_around_the_frames_are_kept_from_the_decoder(front: bytes, behind: bytes) -> None:
    structure = examined(front + whole() + behind, start=len(front))

    assert structure.problem is None
    assert structure.track_seconds == (SECONDS,)
    assert structure.end - len(front) - len(whole()) == (0 if behind.strip(b"\0") else 2)
    assert structure.read_range == (0, structure.end)


def test_a_tag_with_zeros_behind_it_is_no_sound() -> None:
    assert examined(whole() + ID3V1 + bytes(70_000)).end == len(whole())


def test_frames_that_are_a_part_of_what_the_header_states_are_whole_and_that_is_mentioned() -> None:
    data, at = whole(), frames()
    first, behind = at[3], at[8]

    structure = examined(data[: at[0]] + data[first:behind])

    assert structure.problem is None
    (seconds,) = structure.track_seconds
    assert seconds is not None
    assert 0 < seconds < SECONDS
    assert structure.repairs == (
        f"the FLAC header states {SECONDS:.2f} s; the frames are whole and hold {seconds:.2f} s",
    )
    kept = [frame_header(data[begin : begin + LONGEST_HEADER_BYTES]) for begin in at[3:8]]
    assert seconds == sum(frame.samples for frame in kept if frame) / 44_100


def test_a_header_without_frames_is_a_cut_and_one_with_something_else_is_damage() -> None:
    header = whole()[: frames()[0]]

    assert examined(header).problem == CUT_OFF
    assert examined(header[:20]).problem == CUT_OFF
    assert (
        examined(header + bytes(5000)).problem == "the source is damaged: no frame follows the header of the FLAC file"
    )


def test_two_hundred_megabytes_of_zeros_cost_no_more_than_reading_them() -> None:
    data, asked = whole(), 0

    def read_at(offset: int, size: int) -> bytes:
        nonlocal asked
        asked += size
        return (data[offset : offset + size]).ljust(min(size, len(data) + (200 << 20) - offset), b"\0")

    assert flac.examine(read_at, 0, len(data) + (200 << 20)).end == len(data) + 2
    assert asked < 202 << 20


@given(st.integers(0, 1 << 20), st.binary(max_size=40), st.binary(max_size=40))
@example(0, b"fLaC\x80\xff\xff\xff", b"")
def test_any_bytes_have_an_answer(at: int, junk: bytes, behind: bytes) -> None:
    at %= len(whole())
    data = whole()[:at] + junk + whole()[at + len(junk) :] + behind

    structure = examined(data)

    assert 0 <= structure.begin <= structure.end <= len(data)
