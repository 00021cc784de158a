"""The pieces of sources: how long they are, and what is given to their encoders around them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.encoding import Encoding
from worker.domain.splitting.flac import FlacJoiner
from worker.domain.splitting.joiner import Joiner
from worker.domain.splitting.mp3 import Mp3Joiner
from worker.domain.splitting.mp4 import Mp4Joiner
from worker.domain.splitting.opus import OpusJoiner
from worker.domain.splitting.pieces import Framing, Pace, Piece, framing_of, pieces_of

MP3 = Encoding(AudioFormat.MP3, 44_100, 2, 16, 128)
FLAC = Encoding(AudioFormat.FLAC, 44_100, 2, 16, None)
OPUS = Encoding(AudioFormat.OPUS, 48_000, 2, 16, 96)
HOUR = 3600 * 44_100


@pytest.mark.parametrize(
    ("encoding", "framing"),
    [
        (FLAC, Framing(4096)),
        (replace(FLAC, format=AudioFormat.ALAC), Framing(4096, longest=(1 << 31) - 1)),
        (MP3, Framing(1152, before=40, behind=12)),
        (replace(MP3, sample_rate_hz=32_000), Framing(1152, before=40, behind=12)),
        (replace(MP3, sample_rate_hz=24_000), Framing(576, before=40, behind=12)),
        (OPUS, Framing(960, before=50, behind=2)),
        (replace(OPUS, sample_rate_hz=24_000, bitrate_kbps=64), Framing(480, before=50, behind=2)),
        (replace(OPUS, bitrate_kbps=63), None),
        (replace(OPUS, bitrate_kbps=None), None),
        (replace(OPUS, channels=3), None),
    ],
)
def test_each_encoder_needs_frames_of_its_own_around_a_piece(encoding: Encoding, framing: Framing | None) -> None:
    assert framing_of(encoding) == framing


def a_pace(encoding: Encoding, seconds: float) -> Pace:
    """Pieces of so many seconds, if there are as many as two for each encoder."""
    cost = FORMATS[encoding.format].encoding_cost / 60 * seconds
    return Pace(piece_core_seconds=cost, min_core_seconds=cost, min_core_seconds_per_minute=0.0)


def begins_of(samples: int, encoding: Encoding, most: int, pace: Pace) -> list[int]:
    return [piece.begin for piece in pieces_of(samples, 44_100, [encoding], most, pace)]


def test_pieces_are_as_long_as_the_pace_says_rounded_up_to_frames() -> None:
    length = 108 * 4096  # 10.03 s

    assert pieces_of(60 * 44_100, 44_100, [FLAC], 2, a_pace(FLAC, 10))[:4] == [
        Piece(number, number * length, (number + 1) * length, number * length, (number + 1) * length, is_last=False)
        for number in range(4)
    ]


def test_towards_the_end_a_piece_is_an_encoders_share_of_what_is_left_and_a_quarter_at_least() -> None:
    assert begins_of(64 * 4096, FLAC, 2, a_pace(FLAC, 1.5)) == [frames * 4096 for frames in (0, 16, 32, 48, 56, 60)]
    assert begins_of(144 * 4096, FLAC, 3, a_pace(FLAC, 1.5)) == [
        frames * 4096 for frames in (0, 16, 32, 48, 64, 80, 96, 112, 123, 130, 135, 139)
    ]


def test_short_pieces_are_so_long_that_a_tenth_of_them_is_encoded_twice_at_most() -> None:
    begins = begins_of(4 * 1040 * 1152, MP3, 2, a_pace(MP3, 40))

    assert begins == [frames * 1152 for frames in (0, 1040, 2080, 3120, 3640)]


def test_each_encoder_gets_two_whole_pieces_worth_at_least() -> None:
    length = 162 * 4096  # 15 s, an eighth

    assert begins_of(120 * 44_100, FLAC, 4, a_pace(FLAC, 120))[:5] == [number * length for number in range(5)]


def test_what_is_given_beside_a_piece_is_whole_frames_within_the_source() -> None:
    before, behind, length = 40 * 1152, 12 * 1152, 520 * 1152

    pieces = pieces_of(4 * length, 44_100, [MP3], 2, a_pace(MP3, 40))

    assert pieces == [
        Piece(0, 0, length, 0, length + behind, is_last=False),
        Piece(1, length, 2 * length, length - before, 2 * length + behind, is_last=False),
        Piece(2, 2 * length, 3 * length, 2 * length - before, 3 * length + behind, is_last=False),
        Piece(3, 3 * length, 4 * length, 3 * length - before, 4 * length, is_last=True),
    ]
    assert pieces[1].given_samples == length + before + behind


def test_where_more_than_a_tenth_would_be_encoded_twice_nothing_is_split() -> None:
    assert len(pieces_of(4 * 520 * 1152, 44_100, [MP3], 2, a_pace(MP3, 40))) == 4
    assert pieces_of(4 * 519 * 1152, 44_100, [MP3], 2, a_pace(MP3, 40)) == []


def test_a_resampler_needs_a_tenth_of_a_second_around_a_piece_that_is_cut_where_both_clocks_have_a_frame() -> None:
    grid = 160 * 4096  # samples at 48 kHz, in which there are 147 frames at 44.1 kHz: 13.7 s
    pace = a_pace(FLAC, 20 * grid / 48_000)

    pieces = pieces_of(80 * grid, 48_000, [FLAC], 2, pace)

    assert [piece.begin for piece in pieces] == [0, 20 * grid, 40 * grid, 60 * grid]
    assert (pieces[1].given_begin, pieces[1].given_end) == (19 * grid, 41 * grid)


def test_a_tenth_of_a_second_is_rounded_up_to_frames_that_begin_on_both_clocks() -> None:
    frame = 2 * 4096  # at 48 kHz, where the output has 24 kHz: 0.17 s

    pieces = pieces_of(HOUR, 48_000, [replace(FLAC, sample_rate_hz=24_000)], 2, a_pace(FLAC, 900))

    assert (pieces[1].begin - pieces[1].given_begin, pieces[1].given_end - pieces[1].end) == (frame, frame)


def test_by_default_what_costs_less_than_three_core_seconds_is_not_split() -> None:
    minutes, alac = 3.0 / FORMATS[AudioFormat.ALAC].encoding_cost, replace(FLAC, format=AudioFormat.ALAC)

    assert pieces_of(int(minutes * 60 * 44_100) + 1, 44_100, [alac], 2)
    assert pieces_of(int(minutes * 60 * 44_100) - 1, 44_100, [alac], 2) == []


def test_by_default_flac_is_split_with_others_alone_because_it_is_encoded_as_fast_as_it_comes() -> None:
    assert pieces_of(HOUR, 44_100, [FLAC], 2) == []
    assert pieces_of(HOUR, 44_100, [FLAC, FLAC], 2)
    assert pieces_of(HOUR, 44_100, [FLAC, MP3], 2)


@pytest.mark.parametrize(
    ("joiner", "needs_last"), [(Mp3Joiner, True), (Mp4Joiner, False), (OpusJoiner, False), (FlacJoiner, False)]
)
def test_only_mp3_takes_bytes_of_a_piece_after_the_next_one_has_come(
    joiner: type[Joiner], *, needs_last: bool
) -> None:
    assert joiner.needs_last is needs_last


def test_a_piece_has_what_the_neediest_of_its_encoders_needs_around_it() -> None:
    """MP3 needs 40 frames of 24 ms before it and 12 behind, Opus 50 of 20 ms and 2; both are framed every 120 ms."""
    grid, samples = 5 * 1152, 600 * 48_000
    mp3 = replace(MP3, sample_rate_hz=48_000)

    pieces = pieces_of(samples, 48_000, [mp3, OPUS], 2)

    assert all(piece.begin % grid == 0 for piece in pieces)
    assert pieces[1].begin - pieces[1].given_begin == 9 * grid  # 1.08 s
    assert pieces[1].given_end - pieces[1].end == 3 * grid  # 0.36 s


@pytest.mark.parametrize(("rest", "last"), [(10_239, 58), (10_240, 58), (10_241, 63)])
def test_a_rest_of_at_most_half_a_shortest_piece_belongs_to_the_piece_before_it(rest: int, last: int) -> None:
    """The shortest has five frames of 4096 samples."""
    begins = begins_of(63 * 4096 + rest, FLAC, 2, a_pace(FLAC, 1.5))

    assert begins[:5] == [frames * 4096 for frames in (0, 17, 34, 50, 58)]
    assert begins[-1] == last * 4096


def test_what_costs_as_much_as_a_split_is_worth_is_split() -> None:
    samples = 60 * 44_100
    cost = FORMATS[AudioFormat.FLAC].encoding_cost / 60 * samples / 44_100

    assert pieces_of(samples, 44_100, [FLAC], 2, Pace(cost / 4, cost, cost))
    assert pieces_of(samples, 44_100, [FLAC], 2, Pace(cost / 4, cost * 1.001, cost)) == []
    assert pieces_of(samples, 44_100, [FLAC], 2, Pace(cost / 4, cost, cost * 1.001)) == []


def test_what_the_boxes_of_an_output_cannot_count_is_not_split() -> None:
    alac = replace(FLAC, format=AudioFormat.ALAC)

    assert pieces_of((1 << 31) - 1, 44_100, [alac], 2)
    assert pieces_of(1 << 31, 44_100, [alac], 2) == []
    assert pieces_of((1 << 32) - 2, 88_200, [alac], 2)  # half as many at the output's rate
    assert pieces_of(1 << 31, 44_100, [FLAC], 2, a_pace(FLAC, 900))
