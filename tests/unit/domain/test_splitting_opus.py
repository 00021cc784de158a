"""Joining Ogg Opus: one stream of packets, on pages as one encoder's muxer would write them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ogg import FIRST, LAST, page, page_of, sealed
from tests.support.pieces import a_piece, joined
from worker.domain.splitting.joiner import EncodedPiece, JoinError
from worker.domain.splitting.opus import OpusJoiner

PACKET = 960  # samples
PRE_SKIP = 312
HEADERS = page(
    b"OpusHead\x01\x02" + PRE_SKIP.to_bytes(2, "little") + b"\x80\xbb" + bytes(7), number=0, flags=FIRST
) + page(b"OpusTags" + bytes(8), number=1)


def packets(count: int, *, size: int = 3) -> list[bytes]:
    """Each of its own contents."""
    return [number.to_bytes(2, "big").ljust(size, b"x") for number in range(count)]


def encoded(contents: list[bytes]) -> bytes:
    """A piece's file, of some packets a page."""
    groups = [contents[at : at + 7] for at in range(0, len(contents), 7)]
    return HEADERS + b"".join(page_of(each, number=2 + number, granule=9) for number, each in enumerate(groups))


def a_part(contents: list[bytes], first: int, begin: int, end: int | None, samples: int) -> EncodedPiece:
    """Of the source's packets: those from `first` on are in it, up to three more than are kept."""
    stop = None if end is None else end + 3
    return a_piece(encoded(contents[first:stop]), first, begin, end, samples)


def samples_of(count: int, first: int = 0) -> int:
    """So many that the last of `count` packets is half full."""
    return (count - first) * PACKET - PACKET // 2 - PRE_SKIP


@pytest.mark.parametrize(
    ("count", "size", "on_pages"),
    [
        (49, 3, [49]),
        (50, 3, [50]),
        (51, 3, [50, 1]),
        (101, 3, [50, 50, 1]),
        (100, 255, [50, 50]),
        (60, 254 + 255 * 4, [50, 10]),  # five segments each
        (60, 255 * 5, [42, 18]),  # six segments each, of which 255 fit on a page
        (20, 255 * 16, [15, 5]),  # 17 segments each: the page is full to the last
    ],
)
def test_a_page_has_a_second_of_packets_or_as_many_as_its_table_holds(
    count: int, size: int, on_pages: list[int]
) -> None:
    contents = packets(count, size=size)
    samples = samples_of(count)

    data = joined(OpusJoiner(48_000), a_part(contents, 0, 0, None, samples))

    expected, begin = HEADERS, 0
    for number, kept in enumerate(on_pages, 2):
        is_last = number == len(on_pages) + 1
        granule = PRE_SKIP + samples if is_last else (begin + kept) * PACKET
        expected += page_of(contents[begin : begin + kept], number=number, granule=granule, flags=LAST * is_last)
        begin += kept
    assert data == expected


@given(count=st.integers(12, 130), cut=st.integers(5, 100))
def test_pieces_become_the_file_that_one_encoder_would_write(count: int, cut: int) -> None:
    contents = packets(count)
    cut = min(cut, count - 2)
    whole = joined(OpusJoiner(48_000), a_part(contents, 0, 0, None, samples_of(count)))

    one = a_part(contents, 0, 0, cut, cut * PACKET)
    other = a_part(contents, cut - 3, cut, None, samples_of(count, cut - 3))

    assert joined(OpusJoiner(48_000), one, other) == whole


def test_samples_are_counted_at_the_rate_of_the_output_and_granules_at_48_khz() -> None:
    contents = packets(10)

    data = joined(OpusJoiner(24_000), a_part(contents, 0, 0, None, samples_of(10) // 2))

    assert data == joined(OpusJoiner(48_000), a_part(contents, 0, 0, None, samples_of(10)))


@pytest.mark.parametrize(
    ("granule", "fits"),
    [(9 * PACKET, False), (9 * PACKET + 1, True), (10 * PACKET, True), (10 * PACKET + 1, False)],
)
def test_the_sound_ends_within_the_last_packet(granule: int, *, fits: bool) -> None:
    joiner = OpusJoiner(48_000)
    list(joiner.add(a_part(packets(10), 0, 0, None, granule - PRE_SKIP)))

    if fits:
        assert len(list(joiner.finish())) == 1
    else:
        with pytest.raises(JoinError, match="end of the last piece"):
            list(joiner.finish())


def test_pieces_that_leave_out_packets_are_not_joined() -> None:
    contents = packets(30)
    joiner = OpusJoiner(48_000)
    list(joiner.add(a_part(contents, 0, 0, 10, 10 * PACKET)))

    with pytest.raises(JoinError, match="begin where"):
        list(joiner.add(a_part(contents, 8, 11, None, 20 * PACKET)))


@pytest.mark.parametrize(("end", "fits"), [(10, True), (11, False)])
def test_a_piece_has_all_packets_that_are_kept(end: int, *, fits: bool) -> None:
    piece = a_piece(encoded(packets(10)), 0, 0, end, 10 * PACKET)

    if fits:
        assert b"".join(OpusJoiner(48_000).add(piece)) == HEADERS
    else:
        with pytest.raises(JoinError, match="as many packets"):
            list(OpusJoiner(48_000).add(piece))


def test_a_packet_that_goes_on_on_the_next_page_is_not_joined() -> None:
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, 9, 7, 2, 0, 1)
    data = HEADERS + sealed(head + b"\xff" + bytes(255))

    with pytest.raises(JoinError, match="next page"):
        list(OpusJoiner(48_000).add(a_piece(data, 0, 0, None, PACKET)))
