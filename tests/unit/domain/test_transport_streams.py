"""Transport streams made packet by packet: what is missing in them, and what is not."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from worker.domain.containers import mpegts
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, Structure
from worker.domain.containers.zeros import ZEROS_AMID_SOUND

MISSING = "the source is damaged: packets of the MPEG transport stream are missing"
INCOMPLETE = "the MPEG transport stream ends within an audio packet"
SOUND, OTHER, PICTURES, TABLES = 0x121, 0x1F21, 0x122, 0
TICKS = 1920  # of the clock, from one audio packet to the next


def packet(number: int, counter: int, payload: bytes, *, begins: bool = False) -> bytes:
    """Of 188 bytes, filled with an adaptation field."""
    room = 184 - len(payload)
    field = bytes([room - 1]) + (b"\0".ljust(room - 1, b"\xff") if room > 1 else b"") if room else b""
    head = bytes((0x47, number >> 8 | 0x40 * begins, number & 0xFF, (0x30 if room else 0x10) | counter % 16))
    return head + field + payload


def stamped(ticks: int, *, stream: int = 0xC0, length: int = 0) -> bytes:
    middle, low = ticks >> 15 & 0x7FFF, ticks & 0x7FFF
    stamp = bytes([0x21 | ticks >> 29 & 14]) + (middle << 1 | 1).to_bytes(2, "big") + (low << 1 | 1).to_bytes(2, "big")
    return b"\0\0\1" + bytes([stream]) + length.to_bytes(2, "big") + b"\x80\x80\x05" + stamp


def sounds(count: int, *, number: int = SOUND, first: int = 0, begin: int = 0, more: bytes = b"s" * 90) -> list[bytes]:
    """Packets of sound in two transport packets each."""
    return [
        each
        for index in range(count)
        for each in (
            packet(number, first + 2 * index, stamped(begin + TICKS * index) + b"s" * 90, begins=True),
            packet(number, first + 2 * index + 1, more),
        )
    ]


def others(number: int, count: int, *, first: int = 0) -> list[bytes]:
    return [packet(number, first + index, b"t" * 90) for index in range(count)]


def examined(*packets: bytes) -> Structure:
    data = b"".join(packets)
    return mpegts.examine(reader(data), 0, len(data))


@pytest.mark.parametrize(("front", "behind"), [(0, 0), (4, 0), (0, 16)])
def test_packets_may_have_a_time_in_front_or_a_checksum_behind(front: int, behind: int) -> None:
    packets = [b"\xfe" * front + each + b"\xfe" * behind for each in sounds(9)]

    whole = examined(*packets)
    assert (whole.problem, whole.repairs, whole.end, whole.read_range) == (None, (), len(b"".join(packets)), None)
    assert examined(*packets[:6], *packets[7:]).problem == MISSING
    assert examined(*packets[:-1], packets[-1][:-1]).problem == CUT_OFF
    assert examined(*packets, b"junk").repairs == (BYTES_BEHIND,)
    assert examined(*packets, b"junk").read_range == (0, whole.end)


@pytest.mark.parametrize("missing", [1, 2, 3, 8])
def test_a_packet_that_is_missing_amid_the_sound_is_noticed(missing: int) -> None:
    packets = sounds(20)

    assert examined(*packets).problem is None
    assert examined(*packets[:16], *packets[16 + missing :]).problem == MISSING


@pytest.mark.parametrize("more", [b"\0\0\1\xe0" + bytes(80), stamped(90_000 * 60), stamped(0, length=9000)])
def test_what_looks_like_a_beginning_amid_a_packet_of_sound_is_none(more: bytes) -> None:
    packets = sounds(9, more=more)

    assert (examined(*packets).problem, examined(*packets).parts) == (None, ())
    assert examined(*packets[:12], *packets[13:]).problem == MISSING


def test_a_second_track_that_follows_on_the_first_is_a_part_where_tables_describe_it() -> None:
    first, second = sounds(9), sounds(9, number=OTHER)
    table = packet(TABLES, 0, b"\0table", begins=True)

    parts = examined(table, *first, table, *second).parts
    assert [part.read_range for part in parts] == [(0, 19 * 188), (19 * 188, 38 * 188)]
    assert examined(*first, *second).problem == (
        "the source is several files joined to one: only the first of them would be heard"
    )
    assert examined(table, *first, *second).problem is not None


def test_a_number_of_pictures_in_one_file_may_be_one_of_sound_in_the_next() -> None:
    pictures = [packet(SOUND, counter, stamped(0, stream=0xE0), begins=True) for counter in range(4)]

    assert examined(*sounds(5, number=OTHER), *pictures, *sounds(5)).problem != MISSING
    assert examined(*sounds(5), *pictures, *pictures).problem is None
    assert examined(*sounds(5), *pictures, packet(SOUND, 9, b"p"), packet(SOUND, 13, b"p")).problem is None
    lost = [*sounds(5)[:6], *sounds(5)[7:], *pictures]
    assert examined(*lost).problem == MISSING


def test_a_last_packet_of_sound_that_lacks_bytes_is_said() -> None:
    last = packet(SOUND, 18, stamped(TICKS * 9, length=200) + b"s" * 100, begins=True)

    assert examined(*sounds(9), last).repairs == (INCOMPLETE,)
    assert examined(*sounds(9), last, packet(SOUND, 19, b"s" * 91)).repairs == (INCOMPLETE,)
    assert examined(*sounds(9), last, packet(SOUND, 19, b"s" * 92)).repairs == ()
    assert examined(*sounds(9), last, bytes(16)).problem == ZEROS_AMID_SOUND
    assert examined(*sounds(9), last, bytes(15)).problem is None
    assert examined(*sounds(9), bytes(400)).problem is None


def test_a_row_that_is_broken_before_the_sound_begins_may_have_lost_some() -> None:
    front = others(PICTURES, 6)

    assert examined(*front, b"junk", *front, *sounds(5)).problem == MISSING
    assert examined(*front, *sounds(5), b"junk", *sounds(5, first=10, begin=5 * TICKS)).problem is None
    assert examined(*front, b"junk", *front).problem is None  # there is no sound
    assert examined(*others(PICTURES, 4200), *sounds(5)).problem is None  # more packets than are read at once


def test_a_clock_that_jumps_is_a_loss_where_the_counter_of_any_stream_jumps() -> None:
    first, second = sounds(9), sounds(9, first=18, begin=90_000)

    for number in (PICTURES, 0x1E22, 0x1FFE):
        assert examined(*first, *others(number, 5), *second).problem is None
        assert examined(*first, *others(number, 5), *second, *others(number, 5, first=5)).problem is None
        assert examined(*first, *others(number, 5), *second, *others(number, 5, first=6)).problem == MISSING
        assert examined(*others(number, 5), *sounds(9), *others(number, 5, first=6)).problem is None
    assert examined(*first, *others(0x1FFF, 5), *second, *others(0x1FFF, 5, first=6)).problem is None
    assert examined(*first, *others(0x22, 5), *others(0x122, 5, first=9), *second).problem is None


@pytest.mark.parametrize("zeros", [0, 1, 100, 1 << 18, (1 << 19) + 77])
def test_the_last_packet_is_found_before_zeros_of_any_length(zeros: int) -> None:
    structure = examined(*sounds(9), bytes(zeros))

    assert (structure.problem, structure.end) == (None, 18 * 188)


def test_packets_that_follow_on_none_are_no_stream() -> None:
    data = b"".join(sounds(2))

    assert mpegts.examine(reader(data), 0, len(data)) == Structure(0, len(data))
    assert examined(*sounds(3)[:5]).problem is None
    data = b"".join(sounds(3)) + b"x" * (1 << 18)
    assert mpegts.examine(reader(data), 0, len(data)).problem == CUT_OFF
