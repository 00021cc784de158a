"""Tracks of sound that follow each other in one file."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest

from worker.domain.containers.structure import JOINED, MAX_PARTS
from worker.domain.containers.succession import CLOCK_HZ, MAX_PROBE_BYTES, Succession, Tracks, clock_of


def a_file(*packets: tuple[str, float | None]) -> list[tuple[int, int] | None] | str:
    """The parts of packets of 10 bytes, by their track and their time stamp in seconds."""
    tracks = Tracks()
    for index, (track, seconds) in enumerate(packets):
        clock = None if seconds is None else round(seconds * CLOCK_HZ)
        tracks.add(ord(track), 10 * index, 10 * index + 10, clock, described=10 * index)
    succession = tracks.succession(0, 10 * len(packets))
    return succession.problem or [part.read_range for part in succession.parts]


def played(track: str, begin: float, seconds: float, *, step: float = 0.5) -> list[tuple[str, float | None]]:
    """Packets of one track in a row, by the clock from `begin`."""
    return [(track, begin + step * index) for index in range(round(seconds / step))]


def interleaved(*tracks: list[tuple[str, float | None]]) -> list[tuple[str, float | None]]:
    return [packet for packets in itertools.zip_longest(*tracks) for packet in packets if packet is not None]


@pytest.mark.parametrize(
    ("begins", "probe_mib"),
    [
        ([], None),
        ([(1, 0)], None),
        ([(1, 4 << 20)], None),
        ([(1, (4 << 20) + 1)], 5),
        ([(1, 0), (2, 9 << 20), (1, 30 << 20), (2, 31 << 20)], 10),
        ([(1, 0), (2, 9 << 20), (3, MAX_PROBE_BYTES - 1)], 129),
        ([(1, 0), (2, 9 << 20), (3, MAX_PROBE_BYTES)], 10),
        ([(1, MAX_PROBE_BYTES)], None),
    ],
)
def test_a_demuxer_has_to_read_to_the_first_sound_of_the_last_track(
    begins: list[tuple[int, int]], probe_mib: int | None
) -> None:
    tracks = Tracks()
    for track, at in begins:
        tracks.add(track, at, at + 188, None, described=None)

    assert (
        tracks.probe_bytes is None
        if probe_mib is None
        else tracks.probe_bytes == pytest.approx(probe_mib << 20, abs=1)
    )


def test_a_file_without_sound_needs_no_parts() -> None:
    assert Tracks().succession(0, 100) == Succession()


@pytest.mark.parametrize(
    "packets",
    [
        played("A", 1.0, 9.0),
        interleaved(played("A", 1.0, 9.0), played("B", 1.0, 9.0)),
        interleaved(played("A", 1.0, 9.0), played("B", 80_000.0, 9.0)),
        [*played("A", 1.0, 3.0), *interleaved(played("A", 4.0, 9.0), played("B", 4.0, 9.0)), *played("A", 13.0, 3.0)],
        [*played("A", 1.0, 5.0), *interleaved(played("A", 6.0, 9.0), played("B", 6.0, 9.0)), *played("B", 15.0, 3.0)],
    ],
    ids=["one", "two", "two with other clocks", "the second begins late and ends early", "the first ends early"],
)
def test_tracks_beside_each_other_need_no_parts(packets: list[tuple[str, float | None]]) -> None:
    assert a_file(*packets) == []


def test_a_track_behind_the_others_is_a_part_from_where_their_sound_ends() -> None:
    assert a_file(("A", 1.0), ("B", 1.0), ("A", 1.5), ("C", 1.0), ("C", 1.5)) == [(0, 30), (30, 50)]


@pytest.mark.parametrize("described", [None, 0, 59])
def test_a_track_that_a_demuxer_would_not_find_there_is_refused(described: int | None) -> None:
    tracks = Tracks()
    tracks.add(1, 10, 60, None, described=0)
    tracks.add(2, 75, 90, None, described=described)

    assert tracks.succession(0, 100) == Succession(problem=JOINED)


@pytest.mark.parametrize("more", [0, 1])
def test_there_are_no_more_parts_than_decoders(more: int) -> None:
    each = [(10 * number, 10 * number + 10) for number in range(MAX_PARTS)]

    assert a_file(*((chr(number), 0.0) for number in range(MAX_PARTS + more))) == (JOINED if more else each)


def test_a_track_that_pauses_for_another_one_is_two_parts() -> None:
    packets = [("A", 0.0), ("A", 0.5), ("A", None), ("B", 1.0), ("B", 1.5), ("A", 2.0)]

    assert a_file(*packets) == [(0, 30), (30, 50), (50, 60)]


@pytest.mark.parametrize("seconds", [9.0, 2.5, 0.0])
def test_a_clock_that_jumps_is_no_part_where_no_other_track_has_sound(seconds: float) -> None:
    assert a_file(("A", 1.0), ("A", 1.5), ("A", seconds)) == []


def test_the_first_time_stamp_of_a_track_is_no_jump() -> None:
    assert a_file(("A", None), ("B", 1.0), ("A", 9.0)) == []


def test_a_clock_that_starts_again_at_0_after_its_last_value_is_no_jump() -> None:
    turn = (1 << 33) / CLOCK_HZ

    assert a_file(("A", turn - 0.3), ("B", 5.0), ("A", 0.2)) == []


def test_another_recording_within_one_whose_clock_goes_on_is_a_part() -> None:
    packets = [*played("A", 1.0, 10.0), *played("B", 1.4, 5.0), *played("A", 11.0, 10.0)]

    assert a_file(*packets) == [(0, 200), (200, 300), (300, 500)]


def test_another_recording_within_two_tracks_is_a_part() -> None:
    begin, other = interleaved(played("A", 1.0, 10.0), played("B", 1.0, 10.0)), played("C", 1.4, 5.0)
    end = interleaved(played("A", 11.0, 10.0), played("B", 11.0, 10.0))

    assert a_file(*begin, *other, *end) == [(0, 400), (400, 500), (500, 900)]


@pytest.mark.parametrize("lead", [1.0, 2.0, 2.5])
def test_a_track_that_comes_before_the_other_by_what_a_decoder_holds_is_beside_it(lead: float) -> None:
    ahead = interleaved(played("B", 1.0 + lead, 20.0), played("A", 1.5, 20.0))

    assert a_file(("A", 1.0), *played("B", 1.0, lead), *ahead) == []


@pytest.mark.parametrize("first", [[], [("B", None)]])
@pytest.mark.parametrize(("more", "is_beside"), [(0.0, True), (1 / CLOCK_HZ, False)])
def test_a_track_may_go_on_for_2_75_seconds_while_the_other_pauses(
    first: list[tuple[str, float | None]], more: float, *, is_beside: bool
) -> None:
    other = [*first, *played("B", 1.0, 2.75, step=0.55), ("B", 3.75 + more)]
    begin, behind = 20, 20 + 10 * len(other)

    parts = a_file(("A", 1.0), ("A", 1.5), *other, *played("A", 2.0, 5.0))

    assert parts == ([] if is_beside else [(0, begin), (begin, behind), (behind, behind + 100)])


@pytest.mark.parametrize(("step", "is_jump"), [(0.75, False), (0.75 + 1 / CLOCK_HZ, True), (-1 / CLOCK_HZ, True)])
def test_a_clock_goes_on_by_three_quarters_of_a_second_at_most(step: float, *, is_jump: bool) -> None:
    assert a_file(("A", 1.0), ("B", 1.0), ("A", 1.0 + step)) == ([(0, 10), (10, 20), (20, 30)] if is_jump else [])


def test_a_track_goes_on_from_where_it_was_last() -> None:
    packets = [*played("A", 1.0, 3.0), *played("B", 50.0, 3.0), *played("C", 1.4, 5.0), *played("B", 53.0, 3.0)]

    assert a_file(*packets) == [(0, 60), (60, 120), (120, 220), (220, 280)]


def test_tracks_that_take_turns_of_any_length_with_clocks_that_go_on_are_beside_each_other() -> None:
    turns = [played(track, begin, 10.0) for begin in (0.0, 10.0, 20.0) for track in "AB"]

    assert a_file(*itertools.chain(*turns)) == []


def test_the_memory_for_clocks_that_jump_at_each_packet_is_bounded() -> None:
    tracks = Tracks()
    tracemalloc.start()
    try:
        for index in range(20_000):
            tracks.add(index // 2 % 2 if index >= 10_000 else 0, index, index + 1, index % 2 * 2 * CLOCK_HZ, index)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert tracks.succession(0, 20_000) == Succession(problem=JOINED)
    assert peak < 100_000


def stamp(seconds: float, *, kind: int = 2) -> bytes:
    """A time stamp of five bytes with its markers."""
    ticks = round(seconds * CLOCK_HZ)
    middle, low = (ticks >> 15 & 0x7FFF) << 1 | 1, (ticks & 0x7FFF) << 1 | 1
    return bytes([kind << 4 | ticks >> 30 << 1 | 1]) + middle.to_bytes(2, "big") + low.to_bytes(2, "big")


_START = b"\0\0\1\xc0\x08\x00"


@pytest.mark.parametrize("seconds", [0.0, 5964.0, 5966.0, 95_000.0])
@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (b"\x80\x80\x05", 2),
        (b"\x84\xc0\x0a", 3),
        (b"", 2),
        (b"", 3),
        (b"\xff" * 16, 2),
        (b"\x60\x20", 2),
        (b"\x7f\xff", 2),
        (b"\xbf\xbf\xff", 3),
        (b"\xff" * 16 + b"\x40\x20", 3),
    ],
)
def test_the_clock_stands_where_the_layout_of_mpeg_1_or_2_has_it(seconds: float, before: bytes, kind: int) -> None:
    packet = _START + before + stamp(seconds, kind=kind)

    assert clock_of(packet) == clock_of(packet + b"\xff" * 40) == round(seconds * CLOCK_HZ)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\x80",
        b"\x80\x80\x05" + stamp(1.0)[:4],
        b"\x80\x00\x05" + stamp(1.0),
        b"\xc0\x80\x05" + stamp(1.0),
        b"\xff\x80\x20" + stamp(1.0),
        b"\x80\x80\x05" + b"\x20" + stamp(1.0)[1:],
        b"\x80\x80\x05" + stamp(1.0, kind=1),
        b"\x80\x80\x05" + stamp(1.0)[:4] + b"\x00",
        b"\x0f" + stamp(1.0),
        b"\x0f\xff\xfd" + bytes(20),
        b"\xff" * 17 + stamp(1.0)[:4],
        b"\xff" * 40,
        b"\x80\x7f\x80" + stamp(1.0),
    ],
)
def test_a_packet_without_a_time_stamp_has_no_clock(header: bytes) -> None:
    assert clock_of(_START + header) is None
