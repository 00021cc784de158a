"""MPEG program streams: what lies between their packets and behind them."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers import mpegps
from worker.domain.containers.structure import CUT_OFF, Structure

DAMAGED = "the source is damaged: the packets of the MPEG program stream do not follow each other"
END = b"\0\0\1\xb9"
PACK_1 = b"\0\0\1\xba\x21" + bytes(7)
PACK_2 = b"\0\0\1\xba\x44" + bytes(8) + b"\xf8"


def packet(code: int, body: bytes = b"") -> bytes:
    return b"\0\0\1" + bytes([code]) + len(body).to_bytes(2, "big") + body


SOUND = packet(0xC0, b"\x0f" + b"s" * 90)


def examined(data: bytes) -> Structure:
    return mpegps.examine(reader(data), 0, len(data))


@pytest.mark.parametrize(
    ("rest", "is_junk"),
    [
        (b"xy" * 8192, True),
        (b"xy" * 8192 + b"x", False),
        (b"y" * 99_999, True),
        (b"junk\0\0\1\xc0", False),
        (b"\0\0\1\xc0", False),
        (b"\0", False),
    ],
)
def test_behind_a_program_stream_short_junk_is_none_of_its_sound_where_no_packet_begins(
    rest: bytes, *, is_junk: bool
) -> None:
    assert (examined(sound("video.mpg").read_bytes() + rest).problem is None) == is_junk


def test_zeros_that_fill_a_sector_lie_between_packets_of_a_program_stream() -> None:
    data = sound("video.mpg").read_bytes()
    second = data.index(b"\0\0\x01\xba", 4)

    assert examined(data[:second] + bytes(20) + data[second:]).problem is None
    assert examined(data[:second] + bytes(20) + b"x" + data[second:]).problem


def problem(*units: bytes) -> str | None:
    return examined(b"".join(units)).problem


@pytest.mark.parametrize(
    "unit",
    [
        PACK_1,
        PACK_2,
        *(PACK_2[:-1] + bytes([0xF8 | stuffing]) + b"\xff" * stuffing for stuffing in range(8)),
        PACK_2[:4] + b"\x7f" + PACK_2[5:],
        PACK_1[:4] + b"\x2f" + PACK_1[5:],
        packet(0xBB),
        packet(0xBB, bytes(range(256)) * 3),
        packet(0xFF, b"x"),
        END,
    ],
)
def test_a_unit_of_a_program_stream_is_followed_by_the_next_one(unit: bytes) -> None:
    assert problem(PACK_1, SOUND, unit, SOUND, END) is None
    assert problem(PACK_1, SOUND, unit, SOUND) is None
    assert problem(PACK_1, SOUND, unit + b"\1", SOUND) == DAMAGED
    assert problem(PACK_1, SOUND, unit[:-1], SOUND, SOUND) == DAMAGED


@pytest.mark.parametrize("unit", [b"\0\0\1\xb8", PACK_1[:4] + b"\x31", PACK_1[:4] + b"\x11", PACK_2[:4] + b"\x84"])
def test_other_start_codes_are_no_units(unit: bytes) -> None:
    padded = unit.ljust(14, b"\0")

    assert problem(PACK_1, SOUND, padded, SOUND) == DAMAGED
    assert problem(PACK_1, SOUND, padded) == DAMAGED
    assert problem(PACK_1, SOUND, padded[:13]) == CUT_OFF


def test_a_stream_is_cut_off_where_a_unit_begins_and_does_not_end() -> None:
    for unit in (PACK_1, PACK_2, SOUND):
        for length in range(1, len(unit)):
            assert problem(PACK_1, SOUND, unit[:length]) == CUT_OFF
    assert problem(PACK_1, SOUND, END[:3]) == CUT_OFF
    assert problem(PACK_1, SOUND, END) is None
    assert problem(PACK_1, SOUND, END + b"x") is None
    assert problem(PACK_1, SOUND, packet(0xBE)) is None


def private(track: int, *, header: bytes = b"") -> bytes:
    return packet(0xBD, b"\x80\0" + bytes([len(header)]) + header + bytes([track]) + b"s" * 30)


def private_of_mpeg_1(track: int, *, header: bytes) -> bytes:
    return packet(0xBD, header + bytes([track]) + b"\x80" * 30)


_BUFFER, _STAMP, _STAMPS, _NO_STAMP = (
    b"\x60\x20",
    b"\x21\x80\x81\x80\x81",
    b"\x31" + b"\x80\x81" * 4 + b"\x80",
    b"\x0f",
)


@pytest.mark.parametrize(
    ("other", "is_sound"),
    [
        *((packet(code, b"\x0fs"), 0xC0 < code < 0xE0) for code in (0xBB, 0xBE, 0xBF, 0xC1, 0xDF, 0xE0, 0xF0)),
        *((private(track), track >> 4 in {8, 10}) for track in range(0, 256, 5)),
        (private(0x8F, header=b"\x20" * 7), True),
        (private(0x20, header=b"\x80" * 7), False),
        (packet(0xBD, b"\x80\0"), False),
        (packet(0xBD, b"\x80\0\0"), False),
        *(
            (private_of_mpeg_1(track, header=header), track == 0x80)
            for track in (0x80, 0x20)
            for header in (_STAMP, _STAMPS, _NO_STAMP, _BUFFER + _STAMP, b"\xff" * 16 + _BUFFER + _STAMPS)
        ),
    ],
)
def test_a_second_track_of_sound_is_a_part(other: bytes, *, is_sound: bool) -> None:
    structure = examined(PACK_1 + SOUND + other)

    border = len(PACK_1 + SOUND)
    parts = [(0, border), (border, border + len(other))] if is_sound else []
    assert [part.read_range for part in structure.parts] == parts


def test_what_fills_the_end_of_a_sector_is_zeros_of_less_than_a_sector() -> None:
    for zeros, expected in ((1, None), (2321, None), (2322, DAMAGED)):
        assert problem(PACK_1, SOUND, bytes(zeros), SOUND) == expected


def test_a_video_cd_without_pictures_has_sectors_of_zeros_up_to_the_next_pack() -> None:
    picture = packet(0xE0, b"\x0fs")

    for zeros in (2324, 99_999):
        assert problem(PACK_1, SOUND, bytes(zeros), PACK_1, SOUND) is None
        assert problem(PACK_1, picture, SOUND, bytes(zeros), PACK_1, SOUND) == DAMAGED
        assert problem(PACK_1, packet(0xF0, b"\x0fs"), SOUND, bytes(zeros), PACK_1, SOUND) is None
        assert problem(PACK_1, SOUND, bytes(zeros), b"x", PACK_1, SOUND) == DAMAGED
        assert problem(PACK_1, SOUND, bytes(zeros), PACK_2, SOUND) == DAMAGED
        assert problem(PACK_1, SOUND, bytes(zeros)) is None
    assert problem(PACK_1, SOUND, bytes(140_000), PACK_1, SOUND) == DAMAGED


@pytest.mark.parametrize("code", [0xC0, 0xBD])
def test_zeros_amid_a_packet_of_sound_are_none_of_it(code: int) -> None:
    cut = packet(code, b"\x0f" + b"s" * 50 + bytes(40))

    assert problem(PACK_1, SOUND, cut, bytes(4000)) == "the source is damaged: zeros begin amid its sound"
    assert problem(PACK_1, SOUND, bytes(4000)) is None
