"""Joining packets of MP4: the file and the tables of its index."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames import reader
from worker.domain.splitting.joiner import EncodedPiece, JoinError
from worker.domain.splitting.mp4 import Mp4Joiner, media_header
from worker.domain.splitting.mp4_index import Index, joined_index
from worker.domain.splitting.packets import child_of, packets_of
from worker.domain.tags.mp4_writing import box

RATE_HZ, FRAME = 44_100, 4096
TABLES = (b"trak", b"mdia", b"minf", b"stbl")


def an_index(sizes: list[int], media_at: int, *, version: int = 0) -> bytes:
    head = struct.pack(">B3xII", version, 0, 0)
    stbl = (
        box(b"stsd", bytes(8) + box(b"alac", bytes(28))),
        box(b"stts", struct.pack(">4I", 0, 1, len(sizes), FRAME)),
        box(b"stsc", struct.pack(">5I", 0, 1, 1, len(sizes), 1)),
        box(b"stsz", struct.pack(f">{3 + len(sizes)}I", 0, 0, len(sizes), *sizes)),
        box(b"stco", struct.pack(">3I", 0, 1, media_at)),
    )
    mdhd = box(b"mdhd", head + struct.pack(">III", RATE_HZ, 0, 0))
    edts = box(b"edts", box(b"elst", struct.pack(">5I", 0, 1, 0, 0, 0x10000)))
    mdia = box(b"mdia", mdhd + box(b"minf", box(b"stbl", b"".join(stbl))))
    mvhd = box(b"mvhd", head + struct.pack(">II", RATE_HZ, 0) + bytes(80))
    return box(b"moov", mvhd + box(b"trak", box(b"tkhd", bytes(84)) + edts + mdia))


def a_file(packets: list[bytes]) -> bytes:
    front = box(b"ftyp", b"M4A \0\0\2\0") + box(b"free", b"")
    index = an_index([len(packet) for packet in packets], len(front) + 8)
    return front + box(b"mdat", b"".join(packets)) + index


def a_piece(packets: list[bytes], first: int, begin: int, end: int | None, samples: int) -> EncodedPiece:
    data = a_file(packets)
    return EncodedPiece(reader(data), len(data), samples, first, begin, end)


def joined(joiner: Mp4Joiner, *pieces: EncodedPiece) -> bytes:
    def chunks() -> Iterator[bytes]:
        for piece in pieces:
            yield from joiner.add(piece)
        yield from joiner.finish()

    data = bytearray(b"".join(chunks()))
    for offset, content in joiner.patches():
        data[offset : offset + len(content)] = content
    return bytes(data)


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
    one = a_piece(packets[: cut + 1], 0, 0, cut, (cut + 1) * FRAME)
    other = a_piece(packets[cut - 1 :], cut - 1, cut, None, samples - (cut - 1) * FRAME)

    data = joined(Mp4Joiner(FRAME), one, other)

    found = [data[offset : offset + length] for offset, length in packets_of(reader(data), len(data))]
    assert found == packets
    moov = data[-child_length(data) :]
    assert numbers(child_of(moov, b"mvhd"))[2] == samples
    assert numbers(in_track(moov, b"tkhd"))[3] == samples
    assert numbers(in_track(moov, b"edts", b"elst"))[:2] == (samples, 0)
    assert numbers(in_track(moov, b"mdia", b"mdhd"))[2] == samples
    durations = numbers(in_track(moov, b"mdia", *TABLES[2:], b"stts"))
    assert sum(count * each for count, each in zip(durations[::2], durations[1::2], strict=True)) == samples


def child_length(data: bytes) -> int:
    """Of the index, which is the last box."""
    return len(data) - data.rindex(b"moov") + 4


def test_pieces_that_do_not_follow_each_other_are_not_joined() -> None:
    packets = [bytes(10)] * 8
    joiner = Mp4Joiner(FRAME)
    list(joiner.add(a_piece(packets, 0, 0, 8, 8 * FRAME)))

    with pytest.raises(JoinError, match="begin where"):
        list(joiner.add(a_piece(packets, 8, 9, None, 8 * FRAME)))
    with pytest.raises(JoinError, match="as many packets"):
        list(joiner.add(a_piece(packets, 7, 8, 16, 8 * FRAME)))


@pytest.mark.parametrize("samples", [5 * FRAME, 6 * FRAME + 1])
def test_packets_that_do_not_end_where_the_sound_does_are_not_joined(samples: int) -> None:
    joiner = Mp4Joiner(FRAME)
    list(joiner.add(a_piece([bytes(10)] * 6, 0, 0, None, samples)))

    with pytest.raises(JoinError, match="do not end"):
        list(joiner.finish())


def test_an_index_beyond_4_gib_has_wide_offsets() -> None:
    sizes = array("I", [3 << 30, 3 << 30, 5])

    moov = joined_index(an_index([5], 44), Index(sizes, 44, 2 * FRAME + 10, FRAME))

    offsets = child_of(in_track(moov, *TABLES[1:]), b"co64")
    assert struct.unpack(">QQQ", offsets[16:]) == (44, 44 + (3 << 30), 44 + (6 << 30))


def test_the_media_beyond_4_gib_has_a_wide_length() -> None:
    assert media_header(44, (1 << 32) - 9) == (36, b"\xff\xff\xff\xff")
    assert media_header(44, 6 << 30) == (28, struct.pack(">I4sQ", 1, b"mdat", (6 << 30) + 16))


def test_chunks_of_the_index_have_less_than_a_mebibyte() -> None:
    sizes = array("I", [400_000] * 5)

    moov = joined_index(an_index([5], 44), Index(sizes, 44, 5 * FRAME, FRAME))

    tables = in_track(moov, *TABLES[1:])
    assert numbers(child_of(tables, b"stsc")) == (1, 2, 1, 3, 1, 1)
    assert numbers(child_of(tables, b"stco")) == (44, 800_044, 1_600_044)
    assert struct.unpack(">II", child_of(tables, b"stsz")[12:]) == (400_000, 5)


def test_sound_beyond_what_the_boxes_of_a_piece_can_say_is_not_joined() -> None:
    samples = 1 << 31
    sizes = array("I", [1]) * ((1 << 31) // FRAME)

    with pytest.raises(JoinError, match="can be changed"):
        joined_index(an_index([5], 44), Index(sizes, 44, samples, FRAME))


def test_boxes_of_another_version_are_not_changed() -> None:
    with pytest.raises(JoinError, match="version"):
        joined_index(an_index([5], 44, version=1), Index(array("I", [5, 5]), 44, FRAME + 1, FRAME))
