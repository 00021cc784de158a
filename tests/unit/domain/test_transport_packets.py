"""Packets of a transport stream: their counter, their payload, and the audio packets in it (ISO 13818-1)."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from worker.domain.containers.mpegts_packets import (
    Counter,
    Sound,
    is_certain_sound,
    is_of_pictures,
    is_row,
    payload_of,
    runs,
    sound_of,
)


def packet(
    number: int,
    payload: bytes = b"",
    *,
    begins: bool = False,
    adaptation: bytes | None = None,
    has_payload: bool = True,
) -> bytes:
    field = b"" if adaptation is None else bytes([len(adaptation)]) + adaptation
    control = (0x20 if adaptation is not None else 0) | (0x10 if has_payload else 0) | number
    return bytes((0x47, 0x40 if begins else 0, 0x21, control)) + field + payload


def stamped(ticks: int, *, length: int = 0, stream: int = 0xC0) -> bytes:
    """The head of an audio packet with a presentation time stamp."""
    high, middle, low = ticks >> 30 & 7, ticks >> 15 & 0x7FFF, ticks & 0x7FFF
    stamp = bytes([0x21 | high << 1]) + (middle << 1 | 1).to_bytes(2, "big") + (low << 1 | 1).to_bytes(2, "big")
    return b"\0\0\1" + bytes([stream]) + length.to_bytes(2, "big") + b"\x80\x80\x05" + stamp


def sound(*packets: bytes) -> Sound:
    stream = Sound()
    for each in packets:
        stream.add(each)
    return stream


def test_the_payload_begins_behind_the_header_and_the_adaptation_field() -> None:
    assert Counter().take(packet(0, b"payload")) == b"payload"
    assert Counter().take(packet(0, b"payload", adaptation=b"")) == b"payload"
    assert Counter().take(packet(0, b"payload", adaptation=b"\x10123456")) == b"payload"
    assert Counter().take(packet(0, b"payload", adaptation=b"\x10123456", has_payload=False)) is None


def test_the_counter_goes_from_15_to_0_and_a_packet_may_come_twice() -> None:
    counter = Counter()
    assert not counter.has_jumped
    for number in (14, 15, 0, 1):
        assert counter.take(packet(number, bytes([number]))) is not None
        assert not counter.has_jumped
    assert counter.take(packet(1, b"\1")) is None
    counter.take(packet(3, b"\3"))
    assert counter.has_jumped
    counter.take(packet(4, b"\4"))
    assert not counter.has_jumped


def test_packets_without_a_payload_do_not_count() -> None:
    counter = Counter()
    counter.take(packet(7, b"\7"))
    assert counter.take(packet(7, adaptation=b"\0", has_payload=False)) is None
    counter.take(packet(8, b"\x08"))
    assert not counter.has_jumped


@pytest.mark.parametrize(("adaptation", "jumps"), [(b"\x80", False), (b"\x00", True), (b"", True), (b"\x7f", True)])
def test_a_jump_that_is_announced_is_none(adaptation: bytes, jumps: bool) -> None:
    counter = Counter()
    counter.take(packet(0, b"\0"))
    counter.take(packet(9, b"\xff\xff", adaptation=adaptation))
    assert counter.has_jumped == jumps


@pytest.mark.parametrize("ticks", [0, 1, 32_767, 32_768, 90_000, (1 << 30) - 1, 1 << 30, (1 << 33) - 1])
def test_the_clock_has_33_bits(ticks: int) -> None:
    stream = sound(packet(0, stamped(ticks), begins=True))

    assert stream.clock == ticks
    assert (stream.has_begun, stream.stated_bytes, stream.bytes_read) == (True, None, 14)


def test_a_head_without_a_stamp_or_too_short_for_one_has_no_clock() -> None:
    without = bytearray(stamped(90_000))
    without[7] = 0x3F

    assert sound(packet(0, bytes(without), begins=True)).clock is None
    assert sound(packet(0, stamped(90_000)[:13], begins=True)).clock is None


@pytest.mark.parametrize(("bytes_of_more", "is_incomplete"), [(19, True), (20, False), (21, False)])
def test_a_packet_of_sound_is_incomplete_below_its_stated_length(bytes_of_more: int, is_incomplete: bool) -> None:
    stream = sound(packet(0, stamped(0, length=28), begins=True), packet(1, bytes(bytes_of_more)))

    assert (stream.stated_bytes, stream.bytes_read) == (34, 14 + bytes_of_more)
    assert stream.is_incomplete == is_incomplete
    stream.add(packet(2, stamped(1800), begins=True))
    assert stream.has_lost == is_incomplete
    assert not stream.is_incomplete


def test_a_jump_within_a_packet_of_sound_is_a_loss_and_one_before_the_first_is_none() -> None:
    begun = packet(0, stamped(0), begins=True)

    assert not sound(begun, packet(1, b"a"), packet(2, b"b")).has_lost
    assert sound(begun, packet(1, b"a"), packet(3, b"b")).has_lost
    assert not sound(packet(5, b"a"), packet(9, b"b")).has_lost


def test_packets_that_were_received_with_errors_are_counted() -> None:
    whole, marked = packet(0, b"s"), bytearray(packet(1, b"s"))
    marked[1] |= 0x80

    assert sound(whole, bytes(marked), packet(2, b"s"), bytes(marked)).marked_packets == 2


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\0\0\1\xe0", True),
        (b"\0\0\1\xef", True),
        (b"\0\0\1\xe0\0\0", True),
        (b"\0\0\1\xdf", False),
        (b"\0\0\1\xf0", False),
        (b"\0\0\1", False),
        (b"\0\1\1\xe0", False),
    ],
)
def test_pictures_have_16_numbers(payload: bytes, expected: bool) -> None:
    assert is_of_pictures(packet(0, payload)) == expected
    assert is_of_pictures(packet(0, payload, adaptation=b"\0")) == expected
    for number in range(16):
        assert not is_of_pictures(packet(number, payload, has_payload=False))


def beginnings(*clocks: int, numbers: tuple[int, ...]) -> Sound:
    return sound(*(packet(number, stamped(clock), begins=True) for clock, number in zip(clocks, numbers, strict=True)))


def test_a_jump_between_packets_of_sound_is_a_loss_where_the_clock_jumps_too() -> None:
    assert not beginnings(0, 1000, 2000, 3000, numbers=(0, 1, 2, 3)).has_lost
    assert not beginnings(0, 1000, 2000, 3500, numbers=(0, 1, 2, 9)).has_lost
    assert beginnings(0, 1000, 2000, 3501, numbers=(0, 1, 2, 9)).has_lost
    assert beginnings(0, 9000, 10_000, numbers=(0, 5, 6)).has_lost  # the interval becomes known behind the jump
    assert not beginnings(0, 1500, 2500, numbers=(0, 5, 6)).has_lost
    assert not beginnings(0, 1000, 2000 + 3600 * 90_000, numbers=(0, 1, 9)).has_lost  # another recording


def test_a_clock_that_jumps_alone_is_doubtful() -> None:
    assert not beginnings(0, 1000, 2500, numbers=(0, 1, 2)).is_doubtful
    assert beginnings(0, 1000, 2501, numbers=(0, 1, 2)).is_doubtful
    assert not beginnings((1 << 33) - 500, 500, 1500, numbers=(0, 1, 2)).is_doubtful  # it turned
    assert beginnings((1 << 33) - 500, 500, 5500, numbers=(0, 1, 2)).is_doubtful
    assert beginnings(0, 1000, 1000 + 3600 * 90_000, numbers=(0, 1, 2)).is_doubtful
    assert not beginnings(0, 1000, 1001 + 3600 * 90_000, numbers=(0, 1, 2)).is_doubtful


@pytest.mark.parametrize(
    ("begin", "number"),
    [(0, 2), (0, 9), (2000, 9), (2500, 9)],
    ids=["back", "back, jumped", "on", "on, a little late"],
)
def test_audio_packets_of_the_next_recording_may_be_further_apart(begin: int, number: int) -> None:
    def following(*clocks: int, numbers: tuple[int, ...] = (0, 1, 2)) -> Sound:
        next_numbers = [(number + each) % 16 for each in numbers]
        return beginnings(0, 1000, *(begin + clock for clock in clocks), numbers=(0, 1, *next_numbers))

    assert not following(0, 3000, 6000).is_doubtful
    assert not following(0, 3000, 6000).has_lost
    assert following(0, 3000, 7501).is_doubtful
    assert following(0, 3000, 7501, numbers=(0, 1, 9)).has_lost
    assert not following(0, 3000, 7500, numbers=(0, 1, 9)).has_lost


@pytest.mark.parametrize(
    ("stream", "is_sound"),
    [
        (0xC0, True),
        (0xDF, True),
        (0xBD, True),
        (0xFD, True),
        (0xBF, False),
        (0xE0, False),
        (0xBC, False),
        (0xFC, False),
    ],
)
def test_the_identifier_of_a_stream_says_whether_it_is_sound(stream: int, is_sound: bool) -> None:
    head = stamped(0, stream=stream)

    assert sound_of(packet(0, head, begins=True)) == is_sound
    assert sound_of(packet(0, head, begins=True, adaptation=b"\x10123456")) == is_sound


def test_what_is_no_beginning_of_a_packet_of_sound() -> None:
    head = stamped(0)

    for number in range(16):
        assert not sound_of(packet(number, head))
        assert not sound_of(packet(number, head, begins=True, adaptation=b"", has_payload=False))
    of_another_number = bytearray(packet(0, head))
    of_another_number[1] |= 0x1F
    assert not sound_of(bytes(of_another_number))
    assert not sound_of(packet(0, b"\0\0\2" + head[3:], begins=True))
    assert not sound_of(packet(0, head[:8], begins=True))
    assert sound_of(packet(0, head[:9], begins=True))


def test_private_packets_are_certain_sound_where_a_sync_word_follows_on_their_header() -> None:
    head = stamped(0, stream=0xBD)

    for word in (b"\x0b\x77", b"\x7f\xfe\x80\x01", b"\x7f\xe0"):
        assert is_certain_sound(packet(0, head + word, begins=True))
        assert not is_certain_sound(packet(0, head + b"\0" + word, begins=True))
        assert not is_certain_sound(packet(0, head[:-1] + word, begins=True))
    assert is_certain_sound(packet(0, stamped(0), begins=True))


@pytest.mark.parametrize("number", range(16))
def test_the_number_of_a_packet_does_not_say_what_it_has(number: int) -> None:
    assert payload_of(packet(number, b"payload")) == b"payload"
    assert payload_of(packet(number, b"payload", adaptation=b"\x10123456")) == b"payload"


@pytest.mark.parametrize(("size", "sync"), [(188, 0), (192, 4), (204, 0)])
def test_packets_are_found_again_behind_what_is_none(size: int, sync: int) -> None:
    one = bytes(sync) + b"\x47" + bytes(size - sync - 1)
    junk = b"ju\x47\x47nk"
    data = one * 7 + junk + one * 6

    found = list(runs(reader(data), 0, len(data), size, sync))

    assert b"".join(block for _, block in found)[: 7 * size] == one * 7
    assert (found[0][0], found[-1][0] + len(found[-1][1])) == (0, len(data))
    assert 7 * size + len(junk) in {offset for offset, _ in found}
    assert is_row(data, size, sync)
    assert not is_row(data, size, sync, begin=1)
    assert is_row(one * 5, size, sync)
    assert not is_row(one * 4, size, sync)


def test_a_sync_byte_far_behind_a_break_of_the_row_is_no_packet() -> None:
    row = (b"\x47" + bytes(187)) * 10
    # The search goes on five packets before the end of a block of 4096 of them.
    junk = bytes(4091 * 188) + b"\x47" + bytes(100 * 188)

    found = list(runs(reader(row + junk + row), 0, len(2 * row + junk), 188, 0))

    assert found == [(0, row), (len(row + junk), row)]


PACKET = b"\x47" + bytes(187)
AT_ONCE = 4096  # packets that are read with one call


def found_between(data: bytes, start: int, end: int) -> list[tuple[int, bytes]]:
    return list(runs(reader(data), start, end, 188, 0))


def test_packets_from_the_start_on_are_a_row_however_few_they_are() -> None:
    assert found_between(PACKET * 3 + b"junk" * 99, 0, 3 * 188 + 396) == [(0, PACKET * 3)]


def test_packets_are_looked_for_between_two_offsets() -> None:
    assert found_between(PACKET * 12, 188, 7 * 188) == [(188, PACKET * 6)]


@pytest.mark.parametrize("more", [0, 1, 4, 5])
def test_a_row_goes_on_behind_what_is_read_at_once(more: int) -> None:
    data = PACKET * (AT_ONCE + more)

    assert b"".join(block for _, block in found_between(data, 0, len(data))) == data


@pytest.mark.parametrize("junk", [bytes(AT_ONCE * 188 - 300), b"\0\x47"], ids=["to the end of a block", "a sync byte"])
def test_a_row_is_found_right_behind_what_is_none(junk: bytes) -> None:
    row = PACKET * 10

    assert found_between(row + junk + row, 0, len(row + junk + row)) == [(0, row), (len(row + junk), row)]
