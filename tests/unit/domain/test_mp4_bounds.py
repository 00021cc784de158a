"""The boxes of an MP4 field by field, with values on both sides of each limit."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from worker.domain.containers.mp4 import examine
from worker.domain.containers.mp4_boxes import audio_configuration, child, children, places
from worker.domain.containers.mp4_fragments import fragments_of
from worker.domain.containers.mp4_index import index_in_front
from worker.domain.containers.structure import CUT_OFF, Structure
from worker.domain.tags.mp4_writing import box

MISSING = "the source is damaged: fragments of the MP4 file are missing"
DISORDER = "the source is damaged: fragments of the MP4 file are not in the order of their times"
FTYP, MDAT = box(b"ftyp", b"M4A "), box(b"mdat", b"sound")


def length_of(value: int, size: int) -> bytes:
    """Of a descriptor, in so many bytes."""
    return bytes((value >> 7 * each & 127) | (128 if each else 0) for each in range(size - 1, -1, -1))


def an_esds(configuration: bytes = b"\x12\x10", *, kind: int = 0x40, flags: int = 0, size: int = 1) -> bytes:
    def descriptor(tag: int, content: bytes) -> bytes:
        return bytes([tag]) + length_of(len(content), size) + content

    decoder = descriptor(4, bytes([kind]) + b"\xff" * 12 + descriptor(5, configuration))
    return bytes(4) + descriptor(3, b"\xff\xff" + bytes([flags]) + decoder) + b"\x06\x01\x02"


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("length", [2, 127, 128, 300])
def test_the_configuration_of_aac_is_found_whatever_bytes_its_lengths_take(size: int, length: int) -> None:
    configuration = bytes(number % 256 for number in range(length))

    assert audio_configuration(an_esds(configuration, size=size)) == configuration
    assert audio_configuration(an_esds(configuration, size=5)) == b""


def test_a_configuration_of_anything_else_is_none() -> None:
    assert audio_configuration(an_esds()) == b"\x12\x10"
    assert audio_configuration(an_esds(kind=0x6B)) == b""
    assert audio_configuration(an_esds(flags=0x80)) == b""
    assert audio_configuration(an_esds()[1:]) == b""
    assert audio_configuration(an_esds().replace(b"\x05\x02", b"\x06\x02")) == b""
    assert audio_configuration(an_esds()[:4] + b"\x04" + an_esds()[5:]) == b""
    assert audio_configuration(b"") == b""


def test_a_box_has_eight_bytes_at_least_and_ends_where_its_parent_does() -> None:
    inner = box(b"name", b"") + box(b"name", b"ab") + struct.pack(">I4s", 900, b"name") + b"cd"

    assert children(inner, b"name") == [b"", b"ab", b"cd"]
    assert children(struct.pack(">I4s", 7, b"name") + inner, b"name") == []
    assert children(inner[:7], b"name") == []
    assert child(box(b"a___", box(b"b___", b"deep")), b"a___", b"b___") == b"deep"
    assert child(box(b"a___", box(b"b___", b"deep")), b"a___", b"c___") == b""


def test_boxes_are_looked_for_between_two_offsets() -> None:
    data = box(b"a___", b"") + box(b"b___", b"x") + box(b"b___", b"")

    assert places(data, b"b___", 0, 8) == []
    assert places(data, b"b___", 0, 17) == [(16, 17)]
    assert places(data, b"b___", 8, len(data)) == [(16, 17), (25, 25)]
    assert places(data, b"b___", 0, 16) == [(16, 16)]


def a_table(offsets: list[int], *, wide: bool = False) -> bytes:
    code = "Q" if wide else "I"
    return box(
        b"co64" if wide else b"stco", struct.pack(f">BxBBI{len(offsets)}{code}", 0, 1, 2, len(offsets), *offsets)
    )


def a_moov(*tables: bytes) -> bytes:
    tracks = (box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"stsd", b"x") + each)))) for each in tables)
    return box(b"moov", box(b"mvhd", bytes(20)) + b"".join(tracks))


def in_front(moov: bytes) -> bytes:
    data = FTYP + MDAT + moov
    found = index_in_front(reader(data), len(data))
    assert (found.start, found.stop) == (len(FTYP), len(FTYP + MDAT))
    return found.prefix


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("offsets", [[], [20], [20, 21, 22], list(range(300))])
def test_offsets_grow_by_the_index_that_comes_in_front(offsets: list[int], *, wide: bool) -> None:
    moov = a_moov(a_table(offsets, wide=wide), a_table([5]))
    moved = [offset + len(moov) for offset in offsets]

    assert in_front(moov) == FTYP + a_moov(a_table(moved, wide=wide), a_table([5 + len(moov)]))


def test_a_box_in_the_index_may_be_empty() -> None:
    moov = box(b"moov", box(b"mvhd", b"") + box(b"trak", box(b"mdia", b"")))

    assert in_front(moov) == FTYP + moov


def test_the_last_offset_of_32_bits_is_one_byte_below_4_gib() -> None:
    last = (1 << 32) - 1 - len(a_moov(a_table([0, 0])))

    assert in_front(a_moov(a_table([7, last]))) == FTYP + a_moov(a_table([7 + (1 << 32) - 1 - last, (1 << 32) - 1]))
    wide = a_moov(a_table([0, 0], wide=True))
    assert in_front(a_moov(a_table([7, last + 1]))) == FTYP + a_moov(
        a_table([7 + len(wide), last + 1 + len(wide)], wide=True)
    )


@pytest.mark.parametrize(
    "data",
    [FTYP + a_moov(), FTYP + MDAT, MDAT + a_moov(), FTYP + MDAT + a_moov() + b"x", FTYP + MDAT + a_moov() + MDAT],
)
def test_an_index_that_is_not_the_last_box_behind_media_is_not_put_in_front(data: bytes) -> None:
    with pytest.raises(ValueError, match="not ftyp, media, moov"):
        index_in_front(reader(data), len(data))


@pytest.mark.parametrize("length", [7, 1000])
def test_a_box_of_an_impossible_length_is_not_put_in_front(length: int) -> None:
    data = FTYP + MDAT + box(b"moov", struct.pack(">I4s", length, b"trak"))

    with pytest.raises(ValueError, match=f"has a length of {length}"):
        index_in_front(reader(data), len(data))


def a_fragmented(elst: bytes, *boxes: bytes) -> bytes:
    mdhd = box(b"mdhd", struct.pack(">IIIII", 0, 0, 0, 44_100, 0))
    moov = box(b"moov", box(b"trak", box(b"edts", box(b"elst", elst)) + box(b"mdia", mdhd)))
    tfhd = box(b"tfhd", struct.pack(">III", 0x8, 1, 1024))
    run = box(b"trun", struct.pack(">III", 0x1, 3, 100))
    return FTYP + moov + box(b"moof", box(b"traf", tfhd + run + b"".join(boxes))) + MDAT


@pytest.mark.parametrize(("begin", "skipped"), [(0, 0), (1, 1), (2112, 2112), (-1, None)])
def test_media_may_be_played_from_any_place_on(begin: int, skipped: int | None) -> None:
    for elst in (
        struct.pack(">IIIii", 0, 1, 0, begin, 1 << 16),
        struct.pack(">IIQqi", 1 << 24, 1, 0, begin, 1 << 16),
    ):
        data = a_fragmented(elst)
        if skipped is not None:
            assert fragments_of(reader(data), len(data)).skipped == skipped
        else:
            with pytest.raises(ValueError, match="from one place on"):
                fragments_of(reader(data), len(data))


@pytest.mark.parametrize(("length", "is_complete"), [(8, True), (7, False), (9, False)])
def test_a_box_of_a_fragment_has_eight_bytes_at_least_and_ends_with_its_parent(
    length: int, *, is_complete: bool
) -> None:
    data = a_fragmented(struct.pack(">IIIii", 0, 1, 0, 0, 1 << 16), struct.pack(">I4s", length, b"free"))

    if is_complete:
        assert fragments_of(reader(data), len(data)).each[0].samples == 3072
    else:
        with pytest.raises(ValueError, match="not complete"):
            fragments_of(reader(data), len(data))


def examined(data: bytes) -> Structure:
    return examine(reader(data), 0, len(data))


def a_fragment(time: int, *, track: int = 1, wide: bool = False, media: bytes = b"sound") -> bytes:
    tfdt = struct.pack(">IQ", 1 << 24, time) if wide else struct.pack(">II", 0, time)
    return box(b"moof", box(b"traf", box(b"tfhd", struct.pack(">II", 0, track)) + box(b"tfdt", tfdt))) + box(
        b"mdat", media
    )


@pytest.mark.parametrize(("behind", "problem"), [((1 << 26) - 4, MISSING), ((1 << 26) - 3, None)])
def test_fragments_are_searched_in_64_mib_behind_what_is_no_box(behind: int, problem: str | None) -> None:
    boxes = FTYP + box(b"moov", b"") + MDAT
    at, size = len(boxes) + behind, 1 << 27

    def read_at(offset: int, length: int) -> bytes:
        read = bytearray(b"\1" * min(length, size - offset))
        for begin, content in ((0, boxes), (at, b"moof")):
            first, stop = max(begin, offset), min(begin + len(content), offset + len(read))
            if first < stop:
                read[first - offset : stop - offset] = content[first - begin : stop - begin]
        return bytes(read)

    assert examine(read_at, 0, size).problem == problem


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        (b"", None),
        (box(b"free", b""), None),
        (box(b"traf", box(b"free", b"")) + box(b"traf", b""), None),
        (struct.pack(">I4sQ", 1, b"free", 16), None),
        (box(b"traf", struct.pack(">I4sQ", 1, b"free", 16)), None),
        (struct.pack(">I4sQ", 1, b"free", 15), MISSING),
        (struct.pack(">I4sQ", 1, b"free", 17), MISSING),
        (struct.pack(">I4sI", 1, b"free", 12), MISSING),
        (struct.pack(">I4s", 7, b"free"), MISSING),
        (struct.pack(">I4s", 9, b"free"), MISSING),
        (box(b"free", b"") + bytes(7), MISSING),
        (box(b"traf", struct.pack(">I4s", 9, b"free")) + box(b"free", b""), MISSING),
    ],
)
def test_the_boxes_in_the_index_of_a_fragment_fill_their_parents(inner: bytes, problem: str | None) -> None:
    header = FTYP + box(b"moov", b"")

    assert examined(header + box(b"moof", inner) + MDAT).problem == problem


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("bit", [0, 8, 16, 24, 31])
def test_the_times_of_fragments_are_compared_to_their_first_bit(bit: int, *, wide: bool) -> None:
    times = [(1 << bit) - 1, 1 << bit]
    if wide:
        times = [time << 32 for time in times]
    one, other = (a_fragment(time, wide=wide) for time in times)
    header = FTYP + box(b"moov", b"")

    assert examined(header + one + other).problem is None
    assert examined(header + other + one).problem == DISORDER


@pytest.mark.parametrize("number", [1, 1 << 8, 1 << 16, 1 << 24])
def test_the_times_of_each_track_are_compared_with_its_own(number: int) -> None:
    header = FTYP + box(b"moov", b"")

    other = a_fragment(9, track=number * 2)
    assert examined(header + other + a_fragment(5, track=number)).problem is None
    assert examined(header + a_fragment(9, track=number) + other + a_fragment(5, track=number)).problem == DISORDER


def test_the_number_of_a_track_alone_says_of_which_a_fragment_is() -> None:
    header, tfdt = FTYP + box(b"moov", b""), box(b"tfdt", struct.pack(">II", 0, 9))
    with_duration = box(b"tfhd", struct.pack(">III", 0x8, 1, 1 << 24))
    first = box(b"moof", box(b"traf", with_duration + tfdt)) + MDAT
    without_track = box(b"moof", box(b"traf", tfdt)) + MDAT

    assert examined(header + first + a_fragment(5)).problem == DISORDER
    assert examined(header + without_track + a_fragment(5)).problem is None
    longer = box(b"moof", box(b"traf", box(b"tfdt", bytes(8)) + box(b"free", bytes(300)))) + MDAT
    assert examined(header + without_track + longer).problem == DISORDER


@pytest.mark.parametrize(
    ("one", "other", "problem"),
    [(b"sound", b"sound", None), (b"sound", b"", None), (b"", b"sound", None), (b"sound", b"other sound", DISORDER)],
)
def test_a_time_that_comes_twice_is_a_copy_or_one_of_them_is_empty(
    one: bytes, other: bytes, problem: str | None
) -> None:
    fragments = a_fragment(7, media=one) + a_fragment(7, media=other)

    assert examined(FTYP + box(b"moov", b"") + fragments).problem == problem


def test_media_may_end_with_the_file_and_not_behind_it() -> None:
    data = FTYP + box(b"moov", b"") + MDAT

    assert examined(data).problem is None
    for length in (*range(len(FTYP) + 1, len(FTYP) + 8), *range(len(data) - 5, len(data))):
        assert examined(data[:length]).problem == CUT_OFF
    to_the_end = FTYP + box(b"moov", b"") + struct.pack(">I4s", 0, b"mdat") + b"sound"
    assert examined(to_the_end).problem is None
    assert examined(FTYP + box(b"moov", b"") + struct.pack(">I4sQ", 1, b"mdat", 16)).problem is None
    assert examined(FTYP + MDAT + box(b"moov", b"") + a_fragment(0)[:-13]).problem == CUT_OFF
