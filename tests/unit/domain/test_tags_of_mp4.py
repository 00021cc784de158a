"""The item list of MP4 box by box, with values on both sides of each limit; read, and written."""

from __future__ import annotations

import struct

import pytest

from tests.support.reading import bytes_at
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed
from worker.domain.tags.collecting import MAX_VALUE_BYTES, Tags
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.mp4 import Box, bounded, boxes, index_of, pictures_of_mp4, read_mp4, within
from worker.domain.tags.mp4_writing import box, children_of, with_items
from worker.domain.tags.pictures import MAX_PICTURE_BYTES, Picture
from worker.domain.tags.reading import read_tags

HANDLER = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))


def data(kind: int, content: bytes) -> bytes:
    return box(b"data", struct.pack(">II", kind, 0) + content)


def an_index(*items: bytes, in_front: bytes = b"") -> bytes:
    return in_front + box(b"moov", box(b"udta", box(b"meta", bytes(4) + HANDLER + box(b"ilst", b"".join(items)))))


def read(*items: bytes) -> Tags:
    file = an_index(*items)
    return read_mp4(bytes_at(file), len(file))


def written(tags: Tags) -> list[bytes]:
    """The items of the list."""
    index = with_items(box(b"moov", b""), Metadata(tags))
    if index == box(b"moov", b""):
        return []
    at = index.index(b"ilst") - 4
    return [each for _, each in children_of(index[at:])]


@pytest.mark.parametrize(
    ("content", "end", "found"),
    [
        (box(b"free", b""), 8, [Box(b"free", 8, 8)]),
        (box(b"free", b"ab") + box(b"skip", b""), 18, [Box(b"free", 8, 10), Box(b"skip", 18, 18)]),
        (box(b"free", b"ab"), 9, []),
        (box(b"free", b"") + box(b"skip", b""), 15, [Box(b"free", 8, 8)]),
        (b"\0\0\0\x07free" + bytes(9), 17, []),
        (b"\0\0\0\x09free" + bytes(9), 8, []),
        (b"\0\0\0\x08fre", 90, []),
    ],
)
def test_boxes_follow_each_other_as_far_as_they_fit(content: bytes, end: int, found: list[Box]) -> None:
    assert list(boxes(bytes_at(content), 0, end)) == found


def test_boxes_are_found_by_a_path() -> None:
    file = box(b"moov", box(b"trak", box(b"mdia", b"1")) + box(b"mdia", b"2") + box(b"trak", box(b"mdia", b"3")))
    whole = Box(b"moov", 8, len(file))

    assert [file[each.begin : each.end] for each in within(bytes_at(file), whole, b"trak", b"mdia")] == [b"1", b"3"]
    assert list(within(bytes_at(file), whole)) == [whole]


def test_an_index_ends_with_the_file_at_the_latest() -> None:
    file = box(b"free", b"x") + box(b"moov", b"trak")

    assert index_of(bytes_at(file), len(file)) == Box(b"moov", 17, 21)
    assert index_of(bytes_at(file), len(file) - 1) == Box(b"moov", 17, 20)
    assert index_of(bytes_at(file[:9]), 9) is None


def test_an_index_behind_a_tag_ends_with_the_file_too() -> None:
    whole = b"ID3\x04\0\0\0\0\0\0" + an_index(box(b"\xa9nam", data(1, b"title")), in_front=box(b"ftyp", b"M4A "))

    for file, tags in ((whole, {"TITLE": ("title",)}), (whole[:-1], {})):
        assert read_tags(Sniffed(Container.MP4, 10), bytes_at(file), len(file)) == tags


def test_a_file_seems_to_end_after_20000_reads_or_16_mib() -> None:
    reads = bounded(lambda offset, size: b"x")
    assert [reads(0, 1) for _ in range(20_001)] == [b"x"] * 20_000 + [b""]
    large = bounded(lambda offset, size: b"x")
    assert [large(0, size) for size in (1 << 23, 1 << 23, 1)] == [b"x", b"x", b""]


@pytest.mark.parametrize(
    ("item", "tags"),
    [
        (box(b"\xa9nam", data(1, "Tïtle".encode())), {"TITLE": ("Tïtle",)}),
        (box(b"\xa9nam", data(0, b"Title")), {"TITLE": ("Title",)}),
        (box(b"\xa9nam", data(2, "Tïtle".encode("utf-16-be") + b"x")), {"TITLE": ("Tïtle",)}),
        (box(b"\xa9nam", data(2, "Tïtle".encode("utf-16-be"))), {"TITLE": ("Tïtle",)}),
        (box(b"\xa9nam", data(3, b"Title")), {}),
        (box(b"\xa9nam", data(0x010001, b"Title")), {}),
        (box(b"\xa9nam", data(0x01000001, b"Title")), {"TITLE": ("Title",)}),  # three bytes are the type
        (box(b"\xa9nam", data(1, b"One") + data(1, b"Two")), {"TITLE": ("One", "Two")}),
        (box(b"\xa9nam", box(b"free", b"12345678No") + data(1, b"Yes")), {"TITLE": ("Yes",)}),
        (box(b"\xa9nam", box(b"data", bytes(7))), {}),
        (box(b"\xa9nam", data(1, b"x" * MAX_VALUE_BYTES)), {"TITLE": ("x" * MAX_VALUE_BYTES,)}),
        (box(b"\xa9nam", data(1, b" " + b"x" * MAX_VALUE_BYTES)), {}),
        (box(b"\xa9xyz", data(1, b"+52/")), {}),
        (box(b"gnre", data(0, b"\0\x12")), {"GENRE": ("Rock",)}),
        (box(b"gnre", data(0, b"\0\x01")), {"GENRE": ("Blues",)}),
        (box(b"gnre", data(0, b"\0\0")), {}),
        (box(b"gnre", data(0, b"\x01\0")), {}),
        (box(b"trkn", data(0, b"\0\0\0\x03\0\x0c\0\0")), {"TRACKNUMBER": ("3",), "TRACKTOTAL": ("12",)}),
        (box(b"trkn", data(0, b"\0\0\x01\x03\x02\x0c\0\0")), {"TRACKNUMBER": ("259",), "TRACKTOTAL": ("524",)}),
        (box(b"trkn", data(0, b"\xff\xff\0\x03\0\0\xff\xff")), {"TRACKNUMBER": ("3",)}),
        (box(b"disk", data(0, b"\0\0\0\0\0\x02")), {"DISCTOTAL": ("2",)}),
        (box(b"tmpo", data(21, b"\0\x78")), {"BPM": ("120",)}),
        (box(b"tmpo", data(21, bytes(7) + b"\x78")), {"BPM": ("120",)}),
        (box(b"tmpo", data(21, bytes(8) + b"\x78")), {}),
        (box(b"cpil", data(21, b"\0")), {}),
        (box(b"cpil", data(21, b"\1")), {"COMPILATION": ("1",)}),
    ],
)
def test_each_kind_of_item_has_a_form_of_its_own(item: bytes, tags: Tags) -> None:
    assert read(item) == tags


def freeform(name: bytes, *values: bytes) -> bytes:
    return box(b"----", box(b"mean", bytes(4) + b"com.apple.iTunes") + box(b"name", name) + b"".join(values))


@pytest.mark.parametrize(
    ("item", "tags"),
    [
        (freeform(bytes(4) + b"MOOD", data(1, b"Blue"), data(1, b"Green")), {"MOOD": ("Blue", "Green")}),
        (freeform(bytes(4) + b"ISRC" + b" " * 248, data(1, b"X")), {"ISRC": ("X",)}),
        (freeform(bytes(4) + b"ISRC" + b" " * 249, data(1, b"X")), {}),
        (freeform(bytes(4), data(1, b"X")), {}),
        (box(b"----", data(1, b"X")), {}),
        (
            box(b"----", box(b"name", bytes(4) + b"MOOD") + box(b"name", bytes(4) + b"ISRC") + data(1, b"X")),
            {"MOOD": ("X",)},
        ),
    ],
)
def test_an_item_with_a_name_of_its_own_has_up_to_252_bytes_of_it(item: bytes, tags: Tags) -> None:
    assert read(item) == tags


def test_the_pictures_are_those_of_the_list_up_to_the_largest() -> None:
    largest = bytes(MAX_PICTURE_BYTES)
    items = (
        box(b"\xa9nam", data(1, b"Title")),
        box(b"covr", data(13, b"one") + box(b"free", b"12345678no") + data(14, b"two")),
        box(b"covr", data(13, largest) + data(13, largest + b"x") + data(14, b"")),
    )
    file = an_index(*items, in_front=box(b"free", b"x"))

    found = list(pictures_of_mp4(bytes_at(file), len(file)))

    assert found == [(3, b"one"), (3, b"two"), (3, largest), (3, b"")]


@pytest.mark.parametrize(
    ("tags", "items"),
    [
        ({"TITLE": ("One", "Two")}, [box(b"\xa9nam", data(1, b"One") + data(1, b"Two"))]),
        ({"BPM": ("65535",)}, [box(b"tmpo", data(21, b"\xff\xff"))]),
        ({"BPM": ("119.6",)}, [box(b"tmpo", data(21, b"\0\x78"))]),
        ({"BPM": ("65536",)}, [freeform(bytes(4) + b"BPM", data(1, b"65536"))]),
        ({"BPM": ("0",)}, [freeform(bytes(4) + b"BPM", data(1, b"0"))]),
        ({"BPM": ("-1",)}, [freeform(bytes(4) + b"BPM", data(1, b"-1"))]),
        ({"BPM": ("inf",)}, [freeform(bytes(4) + b"BPM", data(1, b"inf"))]),
        ({"COMPILATION": ("255",)}, [box(b"cpil", data(21, b"\xff"))]),
        ({"COMPILATION": ("256",)}, [freeform(bytes(4) + b"COMPILATION", data(1, b"256"))]),
        ({"PODCAST": ("1",)}, [box(b"pcst", data(21, b"\1"))]),
        ({"GAPLESSALBUM": ("1",)}, [box(b"pgap", data(21, b"\1"))]),
        ({"MOVEMENT": ("1",)}, [box(b"\xa9mvi", data(21, b"\0\1"))]),
        ({"MOVEMENTTOTAL": ("4",)}, [box(b"\xa9mvc", data(21, b"\0\4"))]),
        ({"TRACKNUMBER": ("3",)}, [box(b"trkn", data(0, b"\0\0\0\x03\0\0\0\0"))]),
        ({"DISCNUMBER": ("1",), "DISCTOTAL": ("2",)}, [box(b"disk", data(0, b"\0\0\0\x01\0\x02"))]),
        (
            {"DISCNUMBER": ("1",), "DISCTOTAL": ("two",)},
            [freeform(bytes(4) + b"DISCNUMBER", data(1, b"1")), freeform(bytes(4) + b"DISCTOTAL", data(1, b"two"))],
        ),
        ({"TRACKNUMBER": ("65536",)}, [freeform(bytes(4) + b"TRACKNUMBER", data(1, b"65536"))]),
        ({"DISCTOTAL": ("2",)}, [freeform(bytes(4) + b"DISCTOTAL", data(1, b"2"))]),
        ({"DISCNUMBER": ("0",)}, [freeform(bytes(4) + b"DISCNUMBER", data(1, b"0"))]),
        ({"LABEL": ("L",)}, [freeform(bytes(4) + b"LABEL", data(1, b"L"))]),
        ({"KEY": ("Am",)}, [freeform(bytes(4) + b"initialkey", data(1, b"Am"))]),
        ({"CONDUCTOR": ("C",)}, [freeform(bytes(4) + b"CONDUCTOR", data(1, b"C"))]),
        ({"Own": ("1", "2")}, [freeform(bytes(4) + b"Own", data(1, b"1") + data(1, b"2"))]),
        ({}, []),
    ],
)
def test_each_field_is_written_as_the_item_that_can_hold_it(tags: Tags, items: list[bytes]) -> None:
    assert written(tags) == items


@pytest.mark.parametrize(("media_type", "kind"), [("image/jpeg", 13), ("image/png", 14)])
def test_a_cover_is_an_item_of_the_kind_of_its_picture(media_type: str, kind: int) -> None:
    index = with_items(box(b"moov", b""), Metadata(cover=Picture(b"picture", media_type)))

    assert index == an_index(box(b"covr", data(kind, b"picture")))


def test_what_else_is_in_the_index_is_kept() -> None:
    before = box(
        b"moov", box(b"mvhd", b"1") + box(b"udta", box(b"meta", b"old") + box(b"chpl", b"2")) + box(b"trak", b"")
    )

    after = with_items(before, Metadata({"TITLE": ("T",)}))

    list_of_items = box(b"meta", bytes(4) + HANDLER + box(b"ilst", box(b"\xa9nam", data(1, b"T"))))
    assert after == box(
        b"moov", box(b"mvhd", b"1") + box(b"trak", b"") + box(b"udta", list_of_items + box(b"chpl", b"2"))
    )
    assert with_items(before, Metadata()) == before


@pytest.mark.parametrize("inside", [b"\0\0\0\x07free", b"\0\0\0\x09free", b"\0\0\0\x08free\0", b"\0\0\0\0free"])
def test_an_index_whose_boxes_do_not_fit_is_not_changed_but_refused(inside: bytes) -> None:
    with pytest.raises(ValueError, match="has a length of"):
        list(children_of(box(b"moov", inside)))
    assert list(children_of(box(b"moov", b"\0\0\0\x08free"))) == [(b"free", b"\0\0\0\x08free")]
