"""The headers of FLAC's frames: each code of each field, and numbers of every length (RFC 9639, section 9.1)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.flac import coded, crc8, header
from worker.domain.containers.flac_frames import Frame, crc16, end_of_frame, frame_header, has_right_checksum

# RFC 9639, tables 14 and 15: by code; None where the header states it behind the number.
BLOCK_SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608, 8: 256, 9: 512, 10: 1024, 11: 2048, 12: 4096} | {
    13: 8192,
    14: 16384,
    15: 32768,
}
RATES_HZ = {0: 0, 1: 88200, 2: 176400, 3: 192000, 4: 8000, 5: 16000, 6: 22050, 7: 24000, 8: 32000, 9: 44100} | {
    10: 48000,
    11: 96000,
}


@pytest.mark.parametrize("size_code", BLOCK_SIZES)
@pytest.mark.parametrize("rate_code", RATES_HZ)
def test_each_code_has_its_block_size_and_its_rate(size_code: int, rate_code: int) -> None:
    expected = Frame(0, False, BLOCK_SIZES[size_code], RATES_HZ[rate_code], 2, 4)

    assert frame_header(header(size_code, rate_code) + bytes(9)) == expected


@pytest.mark.parametrize(
    ("size_code", "rate_code", "stated", "samples", "rate_hz"),
    [
        (6, 9, b"\xfe", 255, 44_100),
        (7, 9, b"\xff\xff", 65_536, 44_100),
        (7, 9, b"\x01\x00", 257, 44_100),
        (12, 12, b"\x60", 4096, 96_000),
        (12, 13, b"\x1f\x41", 4096, 8001),
        (12, 14, b"\xff\xff", 4096, 655_350),
        (6, 12, b"\x0f\x08", 16, 8000),
        (7, 14, b"\x01\x02\x03\x04", 259, 7720),
    ],
)
def test_what_no_code_has_is_stated_behind_the_number(
    size_code: int, rate_code: int, stated: bytes, samples: int, rate_hz: int
) -> None:
    frame = frame_header(header(size_code, rate_code, number=coded(300), stated=stated) + bytes(9))

    assert frame == Frame(300, False, samples, rate_hz, 2, 4)


@pytest.mark.parametrize("bits", range(37))
def test_a_number_of_up_to_36_bits_is_read(bits: int) -> None:
    for number in {(1 << bits) - 1, (1 << bits) // 3}:
        frame = frame_header(header(12, 9, number=coded(number), second=0xF9) + bytes(9))

        assert frame == Frame(number, True, 4096, 44_100, 2, 4)
        assert frame.begin(4096) == number


def test_a_number_may_have_more_bytes_than_it_needs() -> None:
    assert frame_header(header(12, 9, number=b"\xc0\xbf") + bytes(9)) == Frame(63, False, 4096, 44_100, 2, 4)


def test_a_number_of_a_frame_counts_blocks() -> None:
    frame = frame_header(header(12, 9, number=coded(7)) + bytes(9))

    assert frame is not None
    assert frame.begin(4096) == 7 * 4096


@pytest.mark.parametrize(("code", "channels"), [(0, 1), (1, 2), (7, 8), (8, 2), (9, 2), (10, 2)])
def test_each_code_has_its_channels(code: int, channels: int) -> None:
    frame = frame_header(header(12, 9, code) + bytes(9))

    assert frame is not None
    assert frame.channels == channels


@pytest.mark.parametrize(
    "data",
    [
        header(0, 9),
        header(12, 15),
        header(12, 9, 11),
        header(12, 9, depth=3),
        header(12, 9, second=0xFA),
        header(12, 9, second=0xF0),
        header(12, 9, number=b"\xff" + bytes(7)),
        header(12, 9, number=b"\x80"),
        header(12, 9, number=b"\xbf"),
        b"\xfe" + header(12, 9)[1:],
        header(12, 9)[:5],
        header(12, 9)[:5] + b"\x01",
        header(7, 14, stated=b"\x01\x02\x03\x04")[:-1],
    ],
    ids=[
        "reserved size",
        "reserved rate",
        "reserved channels",
        "reserved depth",
        "reserved bit",
        "no sync word",
        "no number",
        "continued number",
        "continued number to the end",
        "no first byte",
        "cut before the checksum",
        "wrong checksum",
        "cut behind what is stated",
    ],
)
def test_what_the_format_reserves_and_what_is_cut_is_no_header(data: bytes) -> None:
    assert frame_header(data) is None


def test_the_lowest_bit_of_the_fourth_byte_is_reserved() -> None:
    data = bytearray(header(12, 9)[:-1])
    data[3] |= 1

    assert frame_header(bytes(data) + bytes([crc8(bytes(data))]) + bytes(9)) is None


def test_a_header_may_end_with_the_data() -> None:
    assert frame_header(header(12, 9)) is not None


def test_frames_of_one_stream_differ_in_their_numbers_alone() -> None:
    first = Frame(0, False, 4096, 44_100, 2, 4)

    assert first.is_like(Frame(9, False, 100, 44_100, 2, 4))
    for other in (
        Frame(0, True, 4096, 44_100, 2, 4),
        Frame(0, False, 4096, 48_000, 2, 4),
        Frame(0, False, 4096, 44_100, 1, 4),
        Frame(0, False, 4096, 44_100, 2, 6),
    ):
        assert not first.is_like(other)


@given(st.binary(max_size=300), st.integers(1, 1 << 48), st.integers(0, 2400))
@example(b"", 1, 0)
@example(b"\0" * 9000 + b"frame" * 2000, 0x18005, 0)  # the polynomial itself: a damage that no checksum shows
def test_a_frame_is_right_where_the_remainder_of_it_and_its_checksum_is_0(
    data: bytes, damage: int, shift: int
) -> None:
    frame = data + crc16(data).to_bytes(2, "big")
    changed = int.from_bytes(frame, "big") ^ damage << shift % (8 * len(frame))
    damaged = (changed & (1 << 8 * len(frame)) - 1).to_bytes(len(frame), "big")

    assert has_right_checksum(frame)
    assert has_right_checksum(damaged) == (crc16(damaged) == 0)


def with_checksum(content: bytes, zeros: int) -> bytes:
    """The content, some bytes and their checksum, which ends with so many zeros."""
    if zeros == 2:
        return content + crc16(content).to_bytes(2, "big") + bytes(2)
    datas = (content + bytes([more]) for more in range(1, 256))
    frames = (data + crc16(data).to_bytes(2, "big") for data in datas)
    return next(frame for frame in frames if len(frame) - len(frame.rstrip(b"\0")) == zeros)


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_a_frame_ends_with_the_zeros_of_its_checksum(zeros: int) -> None:
    begun = b"some of a frame"
    frame = with_checksum(begun + crc16(begun).to_bytes(2, "big") + b"the rest of it", zeros)

    assert end_of_frame(b"before" + frame, 6) == 6 + len(frame)
    for behind in (b"junk", b"TAG", b"\0junk", bytes(16) + b"junk"):
        where = 6 + len(with_checksum(b"a frame", zeros))
        end = end_of_frame(b"before" + with_checksum(b"a frame", zeros) + behind, 6)
        assert end is not None
        assert where <= end <= where + 2
    for padding in (1, 2, 30):
        end = end_of_frame(b"before" + frame + bytes(padding), 6)
        assert end is not None
        assert 6 + len(frame) <= end <= 8 + len(frame)  # which of the zeros are the checksum's, nothing tells


def test_a_frame_that_has_a_tag_behind_it_ends_there_though_its_checksum_fits_sooner() -> None:
    begun = b"some of a frame"
    frame = with_checksum(begun + crc16(begun).to_bytes(2, "big") + b"the rest of it", 0)

    assert end_of_frame(frame + b"TAG" + b"x" * 125, 0) == len(frame)
    assert end_of_frame(frame + b"junk", 0) == len(begun) + 2
    assert end_of_frame(begun, 0) is None
