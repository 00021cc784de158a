"""Chains of frames, gaps between them and zeros behind them, with frames of a made-up codec."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from worker.domain.containers.frames import (
    Chain,
    Clock,
    Frame,
    FrameKind,
    chain_begins,
    count_frames,
    find_chain,
    lost_frames,
)
from worker.domain.containers.stream import examine_stream, find_first, is_more_than_junk
from worker.domain.containers.structure import CUT_OFF, Patch
from worker.domain.containers.zeros import (
    ZEROS_AMID_SOUND,
    last_frame,
    zeros_begin_in_last_frame,
)

CLOCK, OTHER_CLOCK = Clock(10, 100), Clock(20, 100)  # a tenth of a second, and two


def measure(block: bytes, offset: int) -> Frame | None:
    """A sync byte, a length, and a clock."""
    if block[offset] != 0xF5 or block[offset + 1] < 3:
        return None
    return block[offset + 1], CLOCK if block[offset + 2] == 0 else OTHER_CLOCK


KIND = FrameKind(b"\xf5", 3, measure)


def frame(length: int = 40, *, clock: int = 0, fill: int = 0x11) -> bytes:
    return bytes((0xF5, length, clock)) + bytes([fill]) * (length - 3)


def counted(data: bytes, begin: int = 0, kind: FrameKind = KIND) -> Chain:
    return count_frames(reader(data), begin, len(data), kind)


def test_a_chain_is_four_frames_or_two_to_the_end_of_the_window() -> None:
    assert chain_begins(frame() * 4, 0, KIND)
    assert chain_begins(b"x" + frame() * 4 + b"x" * 9, 1, KIND)
    assert not chain_begins(frame() * 3 + b"x" * 9, 0, KIND)
    assert chain_begins(frame() * 3 + b"xx", 0, KIND)  # less than a header follows
    assert not chain_begins(frame() * 3 + b"xxx", 0, KIND)
    assert chain_begins(frame() * 2, 0, KIND)
    assert not chain_begins(frame(), 0, KIND)
    assert chain_begins(frame() + frame(90)[:20], 0, KIND)
    assert chain_begins(frame() * 2 + b"x" * 9, 0, KIND, frames=2)
    assert not chain_begins(frame() + b"x" * 9, 0, KIND, frames=2)


def test_the_first_chain_is_found_behind_what_looks_like_a_frame() -> None:
    data = b"\xf5\x06" + b"\xf5\x00" + b"\xf5" + frame() * 4

    assert find_chain(data, KIND) == 5
    assert find_chain(data[5:], KIND) == 0
    assert find_chain(data[6:], KIND) == 45 - 6
    assert find_chain(b"x" * 99, KIND) is None
    assert find_first(reader(b"x" * 7 + data), 7, KIND) == 12
    assert find_first(reader(frame() * 2 + bytes(900) + frame() * 9), 0, KIND) == 0
    assert find_first(reader(bytes(1 << 17) + frame() * 4), 0, KIND) == 1 << 17
    assert find_first(reader(frame() + bytes(900)), 0, KIND) is None


def test_where_no_frames_are_nothing_is_counted() -> None:
    structure, chain = examine_stream(reader(b"x" * 99), 7, 99, KIND)

    assert structure.problem == "the source is damaged: no frames of audio follow on each other"
    assert chain == Chain(
        7, 7, count=0, seconds=0.0, missing_bytes=0, gaps=[], tags=[], lost_frames=0, is_overlong=False
    )


def test_frames_are_counted_by_their_clocks() -> None:
    chain = counted(b"x" * 5 + frame() * 3 + frame(50, clock=1) * 2 + frame(), 5)

    assert (chain.begin, chain.end, chain.count, chain.missing_bytes) == (5, 265, 6, 0)
    assert chain.seconds == pytest.approx(0.4 + 0.4)
    assert (chain.gaps, chain.tags, chain.rates_hz) == ([], [], frozenset({100}))
    assert chain.mean_frame_bytes == 260 / 6
    assert (chain.frames_in(65), chain.frames_in(64), chain.frames_in(0)) == (2, 1, 0)
    assert Chain(7, 47, count=1).mean_frame_bytes == 40


def test_frames_are_counted_across_blocks() -> None:
    count = (1 << 21) // 40 + 7
    chain = counted(frame() * count)

    assert (chain.count, chain.end, chain.gaps) == (count, 40 * count, [])


def test_the_shortest_frame_may_be_the_last_one() -> None:
    chain = counted(frame() * 5 + frame(3))

    assert (chain.count, chain.end, chain.missing_bytes) == (6, 203, 0)


def test_frames_behind_the_given_end_are_not_counted() -> None:
    chain = count_frames(reader(b"x" * 40 + frame() * 9), 40, 160, KIND)

    assert (chain.count, chain.end, chain.missing_bytes) == (3, 160, 0)
    chain = count_frames(reader(frame() * 3 + frame()[:15] + frame() * 9), 0, 135, KIND)
    assert (chain.count, chain.end, chain.missing_bytes) == (3, 120, 25)


def test_what_looks_like_frames_in_a_tag_at_the_end_is_none() -> None:
    tag = b"ID3\x04\0\0\0\0\x02\x20" + frame(32) * 9

    assert (len(tag), counted(frame() * 5 + tag).end) == (10 + (2 << 7) + 32, 200)


def test_frames_may_go_on_behind_megabytes_that_are_none() -> None:
    chain = counted(frame() * 5 + b"x" * (3 << 19) + frame() * 5)

    assert (chain.count, chain.gaps) == (10, [(200, 200 + (3 << 19))])


def test_a_quarter_of_a_gibibyte_that_is_none_is_too_much() -> None:
    data, size = frame() * 5, 300 << 20

    def read_at(offset: int, length: int) -> bytes:
        return data[offset : offset + length].ljust(max(0, min(length, size - offset)), b"\0")

    assert count_frames(read_at, 0, size, KIND).is_overlong
    assert not count_frames(read_at, 0, 200 << 20, KIND).is_overlong


def test_many_small_gaps_are_not_more_than_is_looked_at() -> None:
    chain = counted((frame(255) * 400 + b"gap") * 60 + frame() * 5)

    assert (len(chain.gaps), chain.is_overlong) == (60, False)


@pytest.mark.parametrize("gap", [b"x", b"x" * 39, b"\xf5\x01" * 15])
def test_what_is_no_frame_between_frames_is_a_gap(gap: bytes) -> None:
    chain = counted(frame() * 5 + gap + frame() * 6)

    assert (chain.gaps, chain.tags, chain.count) == ([(200, 200 + len(gap))], [], 11)
    assert chain.end == 440 + len(gap)
    assert chain.mean_frame_bytes == 40


def test_tags_between_frames_are_no_gap() -> None:
    tag = b"TAG" + bytes(125)
    chain = counted(frame() * 5 + tag + frame() * 6 + b"xx" + frame() * 5)

    assert (chain.tags, chain.gaps) == ([(200, 328)], [(568, 570)])
    assert chain.mean_frame_bytes == 40


@pytest.mark.parametrize(("there", "missing"), [(1, 2), (2, 1), (3, 37), (39, 1)])
def test_a_last_frame_that_is_cut_off_lacks_bytes(there: int, missing: int) -> None:
    chain = counted(frame() * 5 + frame()[:there])

    assert (chain.end, chain.count, chain.missing_bytes, chain.gaps) == (200, 5, missing, [])


@pytest.mark.parametrize("rest", [b"x", b"xy", b"x" * 99, b"\0" * 40])
def test_what_does_not_begin_as_a_frame_behind_the_last_one_is_none(rest: bytes) -> None:
    chain = counted(frame() * 5 + rest)

    assert (chain.end, chain.missing_bytes, chain.gaps) == (200, 0, [])


def test_a_frame_that_is_judged_damaged_is_a_gap() -> None:
    data = frame() * 3 + frame(fill=0x66) + frame() * 5

    chain = counted(data, kind=KIND._replace(is_right=lambda block, begin, end: block[end - 1] != 0x66))

    assert (chain.gaps, chain.count) == ([(120, 160)], 8)


def test_there_were_as_many_frames_in_a_gap_as_fit_or_one_that_states_its_length() -> None:
    chain = Chain(0, 400, count=10)
    data = frame(90) + frame()

    assert [lost_frames(reader(data), 0, end, chain, KIND) for end in (90, 100)] == [1, 2]
    assert lost_frames(reader(b"\xf4" + data[1:]), 0, 90, chain, KIND) == 1
    assert [lost_frames(reader(data), 0, len(data), chain, KIND) for data in (b"x" * 100, b"\xf5")] == [2, 0]


@pytest.mark.parametrize(("sound", "limit"), [(10_000, 1 << 14), (1_000_000, 100_000), (1 << 30, 2 << 20)])
def test_junk_behind_the_sound_is_16_kib_or_a_tenth_of_it_up_to_2_mib(sound: int, limit: int) -> None:
    assert not is_more_than_junk(limit, sound)
    assert is_more_than_junk(limit + 1, sound)


def test_the_last_frame_is_the_one_that_ends_at_the_offset() -> None:
    data = frame() + frame(90) + frame(30)

    assert last_frame(reader(data), len(data), KIND) == 130
    assert last_frame(reader(data), 130, KIND) == 40
    assert last_frame(reader(data), 131, KIND) is None
    assert last_frame(reader(data), 40, KIND) is None  # none is before it
    assert last_frame(reader(b"x" + data), 41, KIND) == 1
    assert last_frame(reader(data), len(data), KIND, begin=129) == 130
    assert last_frame(reader(data), len(data), KIND, begin=130) is None
    assert last_frame(reader(frame() + b"\xf5\x03\x00"), 43, KIND) == 40
    assert last_frame(reader(frame(4) + b"\xf5" * 4 + frame(5)), 13, KIND) == 8
    assert last_frame(reader(frame() + frame()[:38] + b"\xf5\x11"), 80, KIND) == 40
    assert last_frame(reader(b"x" * 5 + frame() * 3 + b"junk" * 9), 125, KIND, begin=5) == 85


def test_zeros_that_begin_in_the_last_frame_are_in_the_place_of_sound_unless_it_is_silent() -> None:
    cut = frame()[:20] + bytes(20)
    silent = frame(fill=0)

    for last, begins in ((cut, True), (frame()[:25] + bytes(15), False), (frame(), False)):
        data = frame() * 5 + last
        padded = data + bytes(16)
        assert zeros_begin_in_last_frame(reader(padded), 0, len(data), len(padded), KIND) is begins
        assert not zeros_begin_in_last_frame(reader(data + b"x" * 16), 0, len(data), len(data) + 16, KIND)
    data = silent * 5 + cut
    assert not zeros_begin_in_last_frame(reader(data + bytes(16)), 0, len(data), len(data) + 16, KIND)
    data = frame() * 4 + cut + bytes(99)
    assert examine_stream(reader(data), 0, len(data), KIND)[0].problem == ZEROS_AMID_SOUND


def test_silence_takes_the_place_of_as_many_frames_as_are_missing() -> None:
    def silent_frame(_header: bytes, most_bytes: int) -> bytes | None:
        return b"S" * (most_bytes - 1) if most_bytes > 20 else None

    data = frame() * 20 + b"x" * 80 + frame() * 20
    structure, chain = examine_stream(reader(data), 0, len(data), KIND, silent_frame=silent_frame)

    assert structure.patches == (Patch(800, 80, b"S" * 78),)
    assert chain.lost_frames == 2
    assert structure.track_seconds == pytest.approx((4.2,))
    assert structure.repairs == ("0.20 s of sound were damaged; silence took its place",)
    without = examine_stream(reader(data), 0, len(data), KIND)[0]
    assert without.problem == "the source is damaged: 80 bytes amid the audio are none"


@pytest.mark.parametrize(("lost", "problem"), [(4, None), (5, "the source is damaged: much of it is no audio")])
def test_a_tenth_of_the_frames_may_be_lost(lost: int, problem: str | None) -> None:
    data = frame() * 20 + b"x" * 40 * lost + frame() * 20

    found = examine_stream(reader(data), 0, len(data), KIND, silent_frame=lambda _, most: b"S" * most)[0]

    assert found.problem == problem


def test_a_last_frame_that_is_cut_off_may_be_the_end_of_the_sound() -> None:
    data = frame() * 20 + frame()[:35]

    assert examine_stream(reader(data), 0, len(data), KIND)[0].problem == CUT_OFF
    structure = examine_stream(reader(data), 0, len(data), KIND, may_lack=lambda chain: chain.missing_bytes == 5)[0]
    assert (structure.problem, structure.end) == (None, len(data))
    assert structure.repairs == ("the last frame lacks 5 bytes",)


def test_junk_around_the_sound_is_mentioned_with_its_length_and_zeros_are_not() -> None:
    sound = frame() * 20

    for front, behind, repairs in (
        (b"ab", b"", ("2 bytes of junk before the sound were skipped",)),
        (b"", b"ab", ("2 bytes of junk behind the sound were skipped",)),
        (bytes(9), bytes(9), ()),
        (b"", b"TAG" + bytes(125), ()),
        (b"", b"TAG" + bytes(125) + b"ab", ("2 bytes of junk behind the sound were skipped",)),
    ):
        data = front + sound + behind
        structure = examine_stream(reader(data), 0, len(data), KIND)[0]
        assert (structure.problem, structure.repairs) == (None, repairs)
        assert (structure.begin, structure.end) == (len(front), len(front) + 800)
        assert structure.read_range == ((len(front), len(front) + 800) if front or behind else None)


@pytest.mark.parametrize("length", [38, 39, 40, 41, 42])
def test_what_is_as_long_as_a_frame_behind_the_last_one_is_a_damaged_frame(length: int) -> None:
    data = frame() * 20 + bytes(number % 7 + 1 for number in range(length))

    structure, chain = examine_stream(reader(data), 0, len(data), KIND, silent_frame=lambda _, most: b"S" * most)

    is_frame = 39 <= length <= 41
    assert chain.gaps == ([(800, 800 + length)] if is_frame else [])
    assert structure.end == (800 + length if is_frame else 800)
