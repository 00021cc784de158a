"""Tracks of sound that follow each other in one file."""

from __future__ import annotations

import pytest

from worker.domain.containers.structure import JOINED, MAX_PARTS
from worker.domain.containers.succession import CLOCK_HZ, Span, Succession, Track, clock_of, in_succession


def tracks(*spans: Span) -> list[Track]:
    return [Track([span]) for span in spans]


def ranges(succession: Succession) -> list[tuple[int, int] | None]:
    return [part.read_range for part in succession.parts]


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [Span(0, 10, 90)],
        [Span(0, 10, 90), Span(0, 20, 95)],
        [Span(0, 10, 90), Span(None, 89, 95)],
        [Span(0, 10, 50), Span(0, 20, 90), Span(0, 60, 95)],
    ],
)
def test_tracks_beside_each_other_need_no_parts(spans: list[Span]) -> None:
    assert in_succession(tracks(*spans), 0, 100) == Succession()


def test_a_track_behind_the_others_is_a_part_from_where_their_sound_ends() -> None:
    behind = tracks(Span(70, 75, 90), Span(0, 10, 50), Span(0, 20, 60))

    assert ranges(in_succession(behind, 4, 100)) == [(4, 60), (60, 100)]


@pytest.mark.parametrize("described", [None, 0, 59])
def test_a_track_that_a_demuxer_would_not_find_there_is_refused(described: int | None) -> None:
    assert in_succession(tracks(Span(0, 10, 60), Span(described, 75, 90)), 0, 100).problem == JOINED


@pytest.mark.parametrize("more", [0, 1])
def test_there_are_no_more_parts_than_decoders(more: int) -> None:
    spans = [Span(number, number, number + 1) for number in range(MAX_PARTS + more)]

    succession = in_succession(tracks(*spans), 0, MAX_PARTS + more)

    assert len(succession.parts) == (0 if more else MAX_PARTS)
    assert succession.problem == (JOINED if more else None)


def a_track(*packets: tuple[int, float | None]) -> Track:
    """Packets of 10 bytes, by where they begin and by their time stamp in seconds."""
    track = Track()
    for begin, seconds in packets:
        track.add(begin, begin + 10, None if seconds is None else round(seconds * CLOCK_HZ), described=begin)
    return track


def test_a_track_that_pauses_for_another_one_is_two_parts() -> None:
    first, other = a_track((0, 0.0), (10, 0.5), (20, None), (50, 2.0)), a_track((30, 1.0), (40, 1.5))

    assert ranges(in_succession([first, other], 0, 60)) == [(0, 30), (30, 50), (50, 60)]


@pytest.mark.parametrize("seconds", [9.0, 2.0, 0.0])
def test_a_clock_that_jumps_is_no_part_where_no_other_track_has_sound(seconds: float) -> None:
    assert in_succession([a_track((0, 1.0), (10, 1.5), (50, seconds))], 0, 60) == Succession()


def test_tracks_that_take_turns_with_clocks_that_go_on_are_beside_each_other() -> None:
    first, other = a_track((0, 1.0), (20, 1.7), (40, 2.4)), a_track((10, 1.0), (30, 1.7))

    assert in_succession([first, other], 0, 50) == Succession()


def test_a_clock_that_starts_again_at_0_after_its_last_value_is_no_jump() -> None:
    turn = (1 << 33) / CLOCK_HZ

    assert len(a_track((0, turn - 0.3), (10, 0.2)).spans) == 1


@pytest.mark.parametrize("packet", [b"", b"\0\0\1\xc0\0\0\x80\x80\x05\x21\0\1\0", b"\0\0\1\xc0\0\0\x80\0" + bytes(20)])
def test_a_packet_without_a_time_stamp_has_no_clock(packet: bytes) -> None:
    assert clock_of(packet) is None
