"""The headers of FLAC's frames: each code of each field, and numbers of every length (RFC 9639, section 9.1)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.domain.containers.flac_frames import Frame, crc16, frame_header, has_right_checksum

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


def coded(number: int) -> bytes:
    """As UTF-8 does it, up to 36 bits."""
    if number < 0x80:
        return bytes([number])
    length = next(length for length in range(2, 8) if number < 1 << (5 * length + 1))
    rest = [0x80 | number >> 6 * place & 0x3F for place in range(length - 1)]
    return bytes([(0xFF00 >> length & 0xFF) | number >> 6 * (length - 1), *reversed(rest)])


def crc8(data: bytes) -> int:
    """Bit by bit: x^8 + x^2 + x + 1."""
    state = 0
    for bit in "".join(f"{byte:08b}" for byte in data):
        state = (state << 1 & 0xFF) ^ (0x07 if (state >> 7) ^ int(bit) else 0)
    return state


def header(
    size_code: int,
    rate_code: int,
    channels: int = 1,
    depth: int = 4,
    *,
    number: bytes = b"\0",
    stated: bytes = b"",
    second: int = 0xF8,
) -> bytes:
    data = bytes((0xFF, second, size_code << 4 | rate_code, channels << 4 | depth << 1)) + number + stated
    return data + bytes([crc8(data)])


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
