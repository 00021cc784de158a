"""An MP4's index goes to the front, and its chunks are found all the same."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers import mp4
from worker.domain.containers.mp4 import top_boxes
from worker.domain.containers.mp4_index import index_in_front
from worker.domain.containers.structure import BYTES_BEHIND, JOINED


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def table(kind: bytes, offsets: list[int]) -> bytes:
    code = "I" if kind == b"stco" else "Q"
    return box(kind, struct.pack(f">II{len(offsets)}{code}", 0, len(offsets), *offsets))


def moov(*tables: bytes) -> bytes:
    tracks = [box(b"trak", box(b"tkhd", b"x") + box(b"mdia", box(b"minf", box(b"stbl", each)))) for each in tables]
    return box(b"moov", box(b"mvhd", bytes(20)) + b"".join(tracks) + box(b"udta", b"a title"))


FTYP = box(b"ftyp", b"M4A ")
MEDIA = b"sound one, sound two"


def a_file(index: bytes) -> bytes:
    return FTYP + box(b"free") + box(b"mdat", MEDIA) + index


def in_front(data: bytes) -> bytes:
    index = index_in_front(reader(data), len(data))
    return index.prefix + data[index.start : index.stop]


def offsets_in(data: bytes, kind: bytes) -> list[int]:
    at = data.index(kind) + 8
    (count,) = struct.unpack_from(">I", data, at)
    return list(struct.unpack_from(f">{count}{'I' if kind == b'stco' else 'Q'}", data, at + 4))


@pytest.mark.parametrize("kind", [b"stco", b"co64"])
def test_chunks_are_found_where_they_went(kind: bytes) -> None:
    data = a_file(b"")
    first, second = data.index(b"sound one"), data.index(b"sound two")

    moved = in_front(a_file(moov(table(kind, [first, second]))))

    assert [each.kind for each in top_boxes(reader(moved), len(moved))] == [b"ftyp", b"moov", b"free", b"mdat"]
    one, two = offsets_in(moved, kind)
    assert moved[one:].startswith(b"sound one")
    assert moved[two:].startswith(b"sound two")


def test_each_track_has_its_own_table() -> None:
    data = a_file(moov(table(b"stco", [100]), table(b"co64", [200])))
    moved = in_front(data)

    shift = len(moov(table(b"stco", [100]), table(b"co64", [200])))
    assert offsets_in(moved, b"stco") == [100 + shift]
    assert offsets_in(moved, b"co64") == [200 + shift]


def test_offsets_that_would_pass_4_gib_become_wide_ones() -> None:
    last = 0xFFFF_FFFF - 10
    data = a_file(moov(table(b"stco", [1000, last]), table(b"stco", [2000])))

    index = index_in_front(reader(data), len(data))

    shift = len(index.prefix) - len(FTYP)
    assert b"stco" not in index.prefix
    assert offsets_in(index.prefix, b"co64") == [1000 + shift, last + shift]
    assert [each.kind for each in top_boxes(reader(index.prefix), len(index.prefix))] == [b"ftyp", b"moov"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        a_file(b""),
        FTYP + moov() + box(b"mdat"),
        a_file(moov())[:-1],
        a_file(box(b"moov", b"\0\0\0\x04trak")),
        a_file(box(b"moov", b"\0\1\0\0trak")),
    ],
)
def test_what_is_no_finished_mp4_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="box"):
        index_in_front(reader(data), len(data))


def test_a_box_may_reach_to_the_end_or_have_a_wide_size() -> None:
    data = struct.pack(">I4sQ", 1, b"mdat", 20) + b"four" + struct.pack(">I4s", 0, b"moov") + bytes(5)

    assert [(each.kind, each.start, each.stop) for each in top_boxes(reader(data), len(data))] == [
        (b"mdat", 0, 20),
        (b"moov", 20, 33),
    ]


@given(st.binary(max_size=200))
def test_any_bytes_are_boxes_or_none(data: bytes) -> None:
    assert all(each.stop >= each.start + 8 for each in top_boxes(reader(data), len(data)))


def fragment(time: int, *, track: int | None = None, media: bytes = MEDIA, is_wide: bool = True) -> bytes:
    header = b"" if track is None else box(b"tfhd", struct.pack(">II", 0, track))
    clock = box(b"tfdt", struct.pack(">IQ", 1 << 24, time) if is_wide else struct.pack(">II", 0, time))
    return box(b"moof", box(b"traf", header + clock)) + box(b"mdat", media)


def problem(data: bytes) -> str | None:
    return mp4.examine(reader(data), 0, len(data)).problem


@pytest.mark.parametrize("name", ["end.m4a", "front.m4a", "video.mp4", "fragmented.m4a"])
def test_joined_files_are_refused(name: str) -> None:
    assert problem(2 * sound(name).read_bytes()) == JOINED


def test_an_index_that_is_repeated_between_fragments_whose_time_goes_on_is_no_second_file() -> None:
    assert problem(FTYP + moov() + fragment(0) + fragment(5) + FTYP + moov() + fragment(10)) is None
    assert problem(FTYP + moov() + fragment(0) + fragment(5) + FTYP + moov() + fragment(0)) == JOINED


def test_a_copy_of_the_index_is_no_second_file() -> None:
    media, other = box(b"mdat", MEDIA), box(b"moov", bytes(len(moov()) - 8))

    assert problem(FTYP + moov() + media + moov()) is None
    assert problem(FTYP + media + moov() + moov()) is None
    assert problem(FTYP + moov() + media + other) == JOINED
    assert problem(FTYP + moov() + media + moov() + box(b"free")) is None
    assert problem(FTYP + moov() + media + FTYP + moov() + media) == JOINED


DISORDER = "the source is damaged: fragments of the MP4 file are not in the order of their times"


@pytest.mark.parametrize("is_wide", [True, False])
def test_fragments_whose_time_goes_back_are_damage(*, is_wide: bool) -> None:
    first, second, third = (fragment(time, track=1, is_wide=is_wide) for time in (0, 5, 10))

    assert problem(FTYP + moov() + first + second + third) is None
    assert problem(FTYP + moov() + first + third + second) == DISORDER


def test_a_copy_of_a_fragment_and_one_without_sound_are_no_damage() -> None:
    first, empty = fragment(0) + fragment(5), fragment(5, media=b"")

    assert problem(FTYP + moov() + first + fragment(5) + fragment(10)) is None
    assert problem(FTYP + moov() + first + empty + fragment(10)) is None
    assert problem(FTYP + moov() + fragment(0) + empty + fragment(5) + fragment(10)) is None
    assert problem(FTYP + moov() + first + fragment(5, media=MEDIA[:-1]) + fragment(10)) == DISORDER
    assert problem(FTYP + moov() + first + fragment(5, media=b"x") + fragment(10)) == DISORDER


def test_each_track_of_fragments_has_its_own_time() -> None:
    sound_and_picture = [
        fragment(time * scale, track=track) for time in range(3) for track, scale in ((1, 5), (2, 90))
    ]

    assert problem(FTYP + moov() + b"".join(sound_and_picture)) is None


MISSING = "the source is damaged: fragments of the MP4 file are missing"
FRAGMENTED = FTYP + moov() + fragment(0) + fragment(5) + fragment(10)


def test_fragments_are_missing_where_what_follows_the_boxes_is_none_and_holds_one() -> None:
    moof = len(FTYP + moov() + fragment(0)) + 4

    assert problem(FRAGMENTED) is None
    assert problem(FRAGMENTED[: moof - 4] + b"x" + FRAGMENTED[moof - 4 :]) == MISSING
    assert problem(FRAGMENTED[: moof - 4] + bytes(8) + FRAGMENTED[moof + 4 :]) == MISSING


def wide_box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body


@pytest.mark.parametrize("of_track", [box, wide_box])
@pytest.mark.parametrize("of_fragment", [box, wide_box])
def test_boxes_of_a_fragment_may_have_sizes_of_64_bits(
    of_fragment: Callable[[bytes, bytes], bytes], of_track: Callable[[bytes, bytes], bytes]
) -> None:
    clock = box(b"tfdt", struct.pack(">IQ", 1 << 24, 5))
    inside = box(b"mfhd", bytes(8)) + of_track(b"traf", clock) + box(b"free")
    whole, swollen = of_fragment(b"moof", inside), of_fragment(b"moof", inside + bytes((0, 0, 0, 9)) + b"free")

    assert problem(FTYP + moov() + fragment(0) + whole + box(b"mdat", MEDIA)) is None
    assert problem(FTYP + moov() + fragment(0) + swollen + box(b"mdat", MEDIA)) == MISSING


def test_an_index_that_is_longer_than_it_was_has_swallowed_fragments() -> None:
    grown = struct.pack(">I", len(moov()) + len(fragment(0)) + 2) + moov()[4:]

    assert problem(FRAGMENTED.replace(moov(), grown)) == MISSING


def test_a_fragment_whose_name_is_damaged_is_missing() -> None:
    assert problem(FTYP + moov() + fragment(0) + fragment(5).replace(b"moof", b"moOf")) == MISSING
    assert problem(FTYP + moov() + fragment(0) + box(b"free") + box(b"abcd", MEDIA) + fragment(5)) is None


def test_zeros_amid_the_last_fragment_are_in_the_place_of_others() -> None:
    padded = FRAGMENTED + bytes(5000)

    assert problem(padded) is None
    assert problem(FRAGMENTED[:-17] + bytes(17 + 5000)) == "the source is damaged: zeros begin amid its sound"


def test_bytes_behind_the_boxes_are_mentioned_unless_they_are_padding_or_tags() -> None:
    for rest, repairs in ((bytes(99), ()), (b"TAG" + bytes(125), ()), (b"junk" * 9, (BYTES_BEHIND,))):
        data = a_file(moov()) + rest
        assert mp4.examine(reader(data), 0, len(data)).repairs == repairs


def tfdt(length: int) -> bytes:
    return struct.pack(">I4s", length, b"tfdt")


def test_the_boxes_of_a_fragment_must_fill_it() -> None:
    for length in (27, 29):
        broken = fragment(5).replace(struct.pack(">I4s", 28, b"traf"), struct.pack(">I4s", length, b"traf"))
        assert broken != fragment(5)
        assert problem(FTYP + moov() + fragment(0) + broken) == MISSING
        assert problem(FTYP + moov() + fragment(0) + fragment(5).replace(tfdt(20), tfdt(length - 8))) == MISSING


def test_a_file_without_fragments_may_have_any_box_before_its_media_and_zeros_behind_them() -> None:
    data = FTYP + moov() + box(b"abcd") + box(b"mdat", bytes(99))

    assert problem(data) is None
    assert problem(data + bytes(5000)) is None
