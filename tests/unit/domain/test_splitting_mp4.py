"""Joining packets of MP4: the file and the tables of its index."""

from __future__ import annotations

import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames import reader
from tests.support.pieces import FRAME, FRONT, a_piece, an_index, an_mp4, joined
from worker.domain.splitting.joiner import EncodedPiece, JoinError
from worker.domain.splitting.mp4 import Mp4Joiner, media_header
from worker.domain.splitting.mp4_index import Index, joined_index
from worker.domain.splitting.packets import child_of, packets_of
from worker.domain.tags.mp4_writing import box

MEDIA_AT = len(FRONT) + 8
TABLES = (b"trak", b"mdia", b"minf", b"stbl")


def a_piece_of(packets: list[bytes], first: int, begin: int, end: int | None, samples: int) -> EncodedPiece:
    return a_piece(an_mp4(packets), first, begin, end, samples)


def in_track(moov: bytes, *path: bytes) -> bytes:
    found = child_of(moov, b"trak")
    for kind in path:
        found = child_of(found, kind)
    return found


def numbers(table: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(table[16:]) // 4}I", table[16:])


@given(sizes=st.lists(st.integers(1, 400), min_size=6, max_size=40), cut=st.integers(2, 4), last=st.integers(1, FRAME))
def test_a_joined_file_has_each_packet_once_and_says_how_long_it_is(sizes: list[int], cut: int, last: int) -> None:
    packets = [bytes([number]) * size for number, size in enumerate(sizes)]
    samples = (len(packets) - 1) * FRAME + last
    one = a_piece_of(packets[: cut + 1], 0, 0, cut, (cut + 1) * FRAME)
    other = a_piece_of(packets[cut - 1 :], cut - 1, cut, None, samples - (cut - 1) * FRAME)

    assert joined(Mp4Joiner(FRAME), one, other) == an_mp4(packets, samples=samples)


def test_the_packets_of_a_file_are_found_by_its_index() -> None:
    packets = [b"a" * 3, b"b", b"c" * 9]
    data = an_mp4(packets) + box(b"free", bytes(99))

    assert [data[offset : offset + length] for offset, length in packets_of(reader(data), len(data))] == packets
    assert list(packets_of(reader(an_mp4([b"ab", b"cd"])), 1 << 20)) == [(MEDIA_AT, 2), (MEDIA_AT + 2, 2)]


def test_boxes_behind_the_index_of_a_piece_are_none_of_it() -> None:
    packets = [bytes([number]) * 9 for number in range(4)]
    data = an_mp4(packets) + box(b"skip", bytes(99))

    assert joined(Mp4Joiner(FRAME), a_piece(data, 0, 0, None, 4 * FRAME)) == an_mp4(packets, samples=4 * FRAME)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (FRONT, "has no media"),
        (FRONT + box(b"mdat", b"abc"), "has no index"),
        (an_mp4([b"abc"])[:-1], "has no index"),
        (FRONT + box(b"mdat", b"abc") + an_index([3], MEDIA_AT - 1), "do not follow each other"),
        (FRONT + box(b"mdat", b"abc") + an_index([2], MEDIA_AT), "do not follow each other"),
        (FRONT + box(b"mdat", b"abc") + an_index([4], MEDIA_AT - 1), "do not follow each other"),
        (FRONT + box(b"mdat", b"abc") + box(b"moov", box(b"trak", bytes(8))), "has no mdia"),
    ],
)
def test_a_piece_whose_packets_cannot_be_found_is_not_joined(data: bytes, reason: str) -> None:
    with pytest.raises(JoinError, match=reason):
        list(packets_of(reader(data), len(data)))


def test_the_first_box_of_a_kind_is_found_at_any_place_even_if_it_is_empty() -> None:
    first, second, last = box(b"free", b"abc"), box(b"free", b"d"), box(b"skip", b"")
    parent = box(b"moov", first + second + last)

    assert child_of(parent, b"free") == first
    assert child_of(parent, b"skip") == last
    with pytest.raises(JoinError, match="has no trak"):
        child_of(parent, b"trak")
    with pytest.raises(JoinError, match="has no trak"):
        child_of(box(b"moov", bytes(99)), b"trak")  # boxes of no length


def test_offsets_of_64_bits_are_read() -> None:
    index = an_index([3], MEDIA_AT)
    stco = box(b"stco", struct.pack(">3I", 0, 1, MEDIA_AT))
    wide = box(b"co64", struct.pack(">IIQ", 0, 1, MEDIA_AT))
    stbl = index[index.index(b"stbl") + 4 :].replace(stco, wide)
    moov = box(b"moov", box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", stbl)))))
    data = FRONT + box(b"mdat", b"abc") + moov

    assert list(packets_of(reader(data), len(data))) == [(MEDIA_AT, 3)]


def test_pieces_that_do_not_follow_each_other_are_not_joined() -> None:
    packets = [bytes(10)] * 8
    joiner = Mp4Joiner(FRAME)
    list(joiner.add(a_piece_of(packets, 0, 0, 8, 8 * FRAME)))

    with pytest.raises(JoinError, match="begin where"):
        list(joiner.add(a_piece_of(packets, 8, 9, None, 8 * FRAME)))
    with pytest.raises(JoinError, match="as many packets"):
        list(joiner.add(a_piece_of(packets, 7, 8, 16, 8 * FRAME)))


@pytest.mark.parametrize("samples", [5 * FRAME, 6 * FRAME + 1])
def test_packets_that_do_not_end_where_the_sound_does_are_not_joined(samples: int) -> None:
    joiner = Mp4Joiner(FRAME)
    list(joiner.add(a_piece_of([bytes(10)] * 6, 0, 0, None, samples)))

    with pytest.raises(JoinError, match="do not end"):
        list(joiner.finish())


def test_an_index_beyond_4_gib_has_wide_offsets() -> None:
    sizes = array("I", [3 << 30, 3 << 30, 5])

    moov = joined_index(an_index([5], 44), Index(sizes, 44, 2 * FRAME + 10, FRAME))

    offsets = child_of(in_track(moov, *TABLES[1:]), b"co64")
    assert struct.unpack(">QQQ", offsets[16:]) == (44, 44 + (3 << 30), 44 + (6 << 30))


@pytest.mark.parametrize(("more", "kind"), [(0, b"stco"), (1, b"co64")])
def test_the_last_offset_of_32_bits_is_one_byte_below_4_gib(more: int, kind: bytes) -> None:
    sizes = array("I", [(1 << 32) - 1 - 44 + more, 5])

    moov = joined_index(an_index([5], 44), Index(sizes, 44, 2 * FRAME, FRAME))

    offsets = child_of(in_track(moov, *TABLES[1:]), kind)[16:]
    assert struct.unpack(">II" if kind == b"stco" else ">QQ", offsets) == (44, (1 << 32) - 1 + more)


def test_the_media_beyond_4_gib_has_a_wide_length() -> None:
    assert media_header(44, (1 << 32) - 9) == (36, b"\xff\xff\xff\xff")
    assert media_header(44, (1 << 32) - 8) == (28, struct.pack(">I4sQ", 1, b"mdat", (1 << 32) + 8))
    assert media_header(44, 6 << 30) == (28, struct.pack(">I4sQ", 1, b"mdat", (6 << 30) + 16))


def test_chunks_of_the_index_have_less_than_a_mebibyte() -> None:
    sizes = array("I", [400_000] * 5)

    moov = joined_index(an_index([5], 44), Index(sizes, 44, 5 * FRAME, FRAME))

    tables = in_track(moov, *TABLES[1:])
    assert child_of(tables, b"stsc")[8:12] == bytes(4)
    assert numbers(child_of(tables, b"stsc")) == (1, 2, 1, 3, 1, 1)
    assert numbers(child_of(tables, b"stco")) == (44, 800_044, 1_600_044)
    assert struct.unpack(">II", child_of(tables, b"stsz")[12:]) == (400_000, 5)


@pytest.mark.parametrize(("third", "chunks"), [(575, (2, 2)), (576, (2, 1, 1))])
def test_a_chunk_of_a_mebibyte_is_one_byte_too_long(third: int, chunks: tuple[int, ...]) -> None:
    sizes = array("I", [600_000, 448_575, 1_048_000, third])

    moov = joined_index(an_index([5], 44), Index(sizes, 44, 4 * FRAME, FRAME))

    offsets = numbers(child_of(in_track(moov, *TABLES[1:]), b"stco"))
    begins = [sum(chunks[:number]) for number in range(len(chunks))]
    assert offsets == tuple(44 + sum(sizes[:begin]) for begin in begins)


def test_sound_beyond_what_the_boxes_of_a_piece_can_say_is_not_joined() -> None:
    samples = 1 << 31
    sizes = array("I", [1]) * ((1 << 31) // FRAME)

    with pytest.raises(JoinError, match="can be changed"):
        joined_index(an_index([5], 44), Index(sizes, 44, samples, FRAME))


def test_the_longest_sound_that_the_boxes_can_say_is_joined() -> None:
    samples = (1 << 31) - 1

    moov = joined_index(an_index([5], 44), Index(array("I", [5]), 44, samples, 1 << 31))

    assert child_of(moov, b"mvhd")[24:28] == samples.to_bytes(4, "big")


@pytest.mark.parametrize("at", [20, 21, 22, 23])
def test_an_index_has_one_rate_for_the_movie_and_its_media(at: int) -> None:
    index = bytearray(an_index([5], 44))
    index[index.index(b"mdhd") - 4 + at] ^= 1

    with pytest.raises(JoinError, match="can be changed"):
        joined_index(bytes(index), Index(array("I", [5]), 44, FRAME, FRAME))


def test_the_lengths_that_an_index_states_do_not_matter() -> None:
    index = bytearray(an_index([5], 44))
    index[index.index(b"mdhd") - 4 + 24] ^= 1

    assert joined_index(bytes(index), Index(array("I", [5]), 44, FRAME, FRAME)) == an_index([5], 44, samples=FRAME)


def test_a_piece_in_the_middle_has_all_packets_that_are_kept_of_it() -> None:
    packets = [bytes([number]) * (9 + number) for number in range(12)]
    one = a_piece_of(packets[:5], 0, 0, 4, 5 * FRAME)
    middle = a_piece_of(packets[2:9], 2, 4, 8, 7 * FRAME)
    last = a_piece_of(packets[6:], 6, 8, None, 6 * FRAME)

    assert joined(Mp4Joiner(FRAME), one, middle, last) == an_mp4(packets, samples=12 * FRAME)
    joiner = Mp4Joiner(FRAME)
    list(joiner.add(one))
    with pytest.raises(JoinError, match="as many packets"):
        list(joiner.add(a_piece_of(packets[2:7], 2, 4, 8, 5 * FRAME)))


def test_boxes_of_another_version_are_not_changed() -> None:
    with pytest.raises(JoinError, match="version"):
        joined_index(an_index([5], 44, version=1), Index(array("I", [5, 5]), 44, FRAME + 1, FRAME))
