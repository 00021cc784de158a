"""Chapters as they are written: each box of an MP4, each element of a WebM."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import pytest

from tests.support.reading import bytes_at
from worker.domain.containers.ebml import Element, children, element_at, unsigned
from worker.domain.containers.reading import BlockReader
from worker.domain.tags import matroska_embedded as matroska
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.mp4_chapters_writing import texts_of, with_chapters
from worker.domain.tags.mp4_writing import box, children_of
from worker.domain.tags.webm_writing import chapters_behind

CUES = 0x1C53BB6B
CHAPTERS = [Chapter(0.5, "One", 1.5), Chapter(2.0, "Zwö", 4.0)]
IDENTITY = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def an_index(*tracks: int, version: int = 0, header_bytes: int = 100, scale: int = 600) -> bytes:
    header = bytes([version]) + b"\xee" * 11 + struct.pack(">I", scale) + b"\xee" * (header_bytes - 16)
    made = (box(b"trak", box(b"tkhd", b"\xee" * 12 + struct.pack(">I", each)) + box(b"mdia", b"")) for each in tracks)
    return box(b"moov", box(b"mvhd", header) + b"".join(made) + box(b"udta", box(b"meta", b"m")) + box(b"mvex", b"x"))


def leaves(parent: bytes, *path: str) -> Iterator[tuple[str, bytes]]:
    """The content of each box that has no boxes, by its path."""
    for kind, each in children_of(parent):
        here = (*path, kind.decode())
        if kind in {b"moov", b"trak", b"tref", b"edts", b"mdia", b"minf", b"gmhd", b"dinf", b"stbl", b"udta"}:
            yield from leaves(each, *here)
        else:
            yield "/".join(here), each[8:]


def track_of_texts(chapters: Sequence[Chapter], texts_at: int = 100, **index: int) -> dict[str, bytes]:
    *_, texts = (
        each for kind, each in children_of(with_chapters(an_index(1, **index), chapters, texts_at)) if kind == b"trak"
    )
    return dict(leaves(texts))


def test_an_index_gets_a_track_of_texts_that_the_track_of_sound_names() -> None:
    index = with_chapters(an_index(6), CHAPTERS, 100)

    assert [kind for kind, _ in children_of(index)] == [b"mvhd", b"trak", b"trak", b"mvex", b"udta"]
    header, sound, texts, _, user_data = (dict(leaves(box(b"", each))) for _, each in children_of(index))
    assert header["mvhd"] == an_index(6)[16:112] + struct.pack(">I", 8)  # the next track's number
    assert sound["trak/tref/chap"] == struct.pack(">I", 7)
    assert sound["trak/tkhd"][12:] == struct.pack(">I", 6)
    assert texts["trak/tkhd"][12:16] == struct.pack(">I", 7)
    assert user_data["udta/meta"] == b"m"


def test_numbers_of_the_index_may_have_32_bits() -> None:
    index = with_chapters(an_index(1 << 24, scale=1 << 24), CHAPTERS, 100)

    _, _, texts, *_ = (dict(leaves(box(b"", each))) for _, each in children_of(index))
    assert texts["trak/tkhd"][12:16] == struct.pack(">I", 1 + (1 << 24))
    assert texts["trak/edts/elst"][8:12] == struct.pack(">I", 1 << 23)


def test_each_box_of_the_track_has_its_fields() -> None:
    track = track_of_texts(CHAPTERS)

    in_movie, length = 2, 300 + 2100  # 0.5 s of nothing and 3.5 s, in 600ths
    head = struct.pack(">6I8x4H", in_movie, 0, 0, 2, 0, length, 0, 0, 0, 0)
    assert track == {
        "tkhd": head + struct.pack(">9I2I", *IDENTITY, 0, 0),
        "edts/elst": struct.pack(">2IIiIIiI", 0, 2, 300, -1, 0x10000, 2100, 0, 0x10000),
        "mdia/mdhd": struct.pack(">5I2H", 0, 0, 0, 10_000, 35_000, 0x55C4, 0),
        "mdia/hdlr": bytes(8) + b"text" + bytes(13),
        "mdia/minf/gmhd/gmin": bytes(16),
        "mdia/minf/gmhd/text": struct.pack(">9I", *IDENTITY),
        "mdia/minf/dinf/dref": struct.pack(">3I4sI", 0, 1, 12, b"url ", 1),
        "mdia/minf/stbl/stsd": struct.pack(">3I4s6xH44x", 0, 1, 60, b"text", 1),
        "mdia/minf/stbl/stts": struct.pack(">6I", 0, 2, 1, 15_000, 1, 20_000),
        "mdia/minf/stbl/stsz": struct.pack(">5I", 0, 0, 2, 2 + 3 + 12, 2 + 4 + 12),
        "mdia/minf/stbl/stsc": struct.pack(">5I", 0, 1, 1, 2, 1),
        "mdia/minf/stbl/stco": struct.pack(">3I", 0, 1, 108),
    }


def test_the_media_of_the_track_are_texts_in_utf_8() -> None:
    encoding = b"\0\0\0\x0cencd\0\0\x01\0"

    assert texts_of(CHAPTERS) == box(b"mdat", b"\0\x03One" + encoding + "\0\x04Zwö".encode() + encoding)
    assert texts_of([]) == b""


@pytest.mark.parametrize(
    ("chapters", "lengths", "edits"),
    [
        ([Chapter(0.0, "A", 1.0)], [10_000], 1),
        ([Chapter(0.0, "A")], [1], 1),
        ([Chapter(0.0, "A", 0.0)], [1], 1),
        ([Chapter(0.0, "A", 1.0), Chapter(3.0, "B")], [30_000, 1], 1),
        ([Chapter(0.0001, "A", 1.0)], [9_999], 2),
        ([Chapter(1.0, "A"), Chapter(1.0, "B", 2.0)], [1, 10_000], 2),
    ],
)
def test_a_chapter_lasts_until_the_next_one_or_to_its_end(
    chapters: list[Chapter], lengths: list[int], edits: int
) -> None:
    track = track_of_texts(chapters)

    rows = [number for each in lengths for number in (1, each)]
    assert track["mdia/minf/stbl/stts"] == struct.pack(f">2I{len(rows)}I", 0, len(lengths), *rows)
    assert track["edts/elst"][4:8] == struct.pack(">I", edits)
    assert struct.unpack(">I", track["mdia/mdhd"][16:20]) == (sum(lengths),)


@pytest.mark.parametrize(("texts_at", "table"), [(2**32 - 9, "stco"), (2**32 - 8, "co64")])
def test_an_offset_of_more_than_32_bits_stands_in_a_wide_table(texts_at: int, table: str) -> None:
    wide = table == "co64"

    content = track_of_texts(CHAPTERS, texts_at)[f"mdia/minf/stbl/{table}"]

    assert content == struct.pack(">2IQ" if wide else ">3I", 0, 1, texts_at + 8)


@pytest.mark.parametrize(
    "index", [an_index(), an_index(1, 2), an_index(1, version=1), an_index(1, header_bytes=99), box(b"moov", b"")]
)
def test_an_index_of_another_form_gets_no_chapters(index: bytes) -> None:
    with pytest.raises(ValueError, match="not that of one track"):
        with_chapters(index, CHAPTERS, 0)
    assert with_chapters(index, [], 0) == index


def test_nero_lists_255_chapters_with_titles_of_255_bytes() -> None:
    chapters = [Chapter(number / 4, "ö" * 128) for number in range(256)]

    index = with_chapters(an_index(1), chapters, 100)

    (listed,) = (content for path, content in leaves(index) if path == "udta/chpl")
    assert listed[:9] == b"\x01\0\0\0\0\0\0\0\xff"
    assert listed[9:] == b"".join(
        struct.pack(">QB", 2_500_000 * number, 254) + ("ö" * 127).encode() for number in range(255)
    )


def an_element(identifier: int, content: bytes, *, size_bytes: int = 1) -> bytes:
    name = identifier.to_bytes(-(-identifier.bit_length() // 8), "big")
    return name + (len(content) | 1 << 7 * size_bytes).to_bytes(size_bytes, "big") + content


SEEK = an_element(0x4DBB, b"first")


def a_webm(void: int, *, head: int = matroska.SEEK_HEAD, size_bytes: int = 8, kind: int = 0xEC) -> bytes:
    """A `Void` of so many bytes, its header included."""
    inside = an_element(head, SEEK) + an_element(kind, bytes(void - 2)) + an_element(CUES, b"cues")
    return an_element(0x1A45DFA3, b"head") + an_element(matroska.SEGMENT, inside, size_bytes=size_bytes)


def patched(file: bytes, chapters: Sequence[Chapter]) -> bytes:
    content = bytearray(file)
    for offset, each in chapters_behind(bytes_at(file), len(file), chapters):
        content[offset : offset + len(each)] = each
    return bytes(content)


def inside(file: bytes, parent: Element | None) -> list[Element]:
    assert parent is not None
    assert parent.end is not None
    return list(children(BlockReader(bytes_at(file)), parent.body, parent.end))


@pytest.mark.parametrize("void", [23, 24, 60, 100])
def test_a_webm_gets_chapters_behind_all_that_is_there_and_an_entry_for_them(void: int) -> None:
    before = a_webm(void)
    file = patched(before, CHAPTERS)

    reader = BlockReader(bytes_at(file))
    segment = element_at(reader, 9)
    assert segment is not None
    assert segment.end == len(file)
    seek_head, empty, cues, chapters = inside(file, segment)
    assert [each.identifier for each in (seek_head, empty, cues, chapters)] == [
        *(matroska.SEEK_HEAD, 0xEC, CUES, matroska.CHAPTERS)
    ]
    assert file[cues.begin :].startswith(before[cues.begin :])
    position = len(before) - segment.body
    entry = an_element(0x53AB, b"\x10\x43\xa7\x70") + an_element(0x53AC, bytes([position]))
    assert file[seek_head.begin : seek_head.end] == an_element(matroska.SEEK_HEAD, SEEK + an_element(0x4DBB, entry))
    assert file[empty.body : empty.end] == bytes(void - 23)


def test_a_void_that_is_too_short_has_no_place_for_one_more_entry() -> None:
    with pytest.raises(ValueError, match="no place"):
        patched(a_webm(22), CHAPTERS)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        a_webm(60)[:9],
        a_webm(60)[:21],
        a_webm(60)[:40],
        a_webm(60) + b"x",
        a_webm(60)[:-1],
        a_webm(60, head=CUES),
        a_webm(60, kind=0xBF),
        a_webm(60, size_bytes=7),
        a_webm(60).replace(b"\x18\x53\x80\x67", b"\x18\x53\x80\x68"),
    ],
)
def test_a_webm_of_another_form_gets_no_chapters(file: bytes) -> None:
    with pytest.raises(ValueError, match="SeekHead, Void"):
        patched(file, CHAPTERS)
    assert patched(file, []) == file


def test_each_chapter_of_a_webm_has_a_number_its_times_and_a_title() -> None:
    file = patched(a_webm(60), [Chapter(0.0, "One", 1.5), Chapter(2.0, "Zwö")])

    reader = BlockReader(bytes_at(file))
    (edition,) = inside(file, inside(file, element_at(reader, 9))[3])
    uid, *atoms = inside(file, edition)
    assert (uid.identifier, unsigned(reader, uid)) == (0x45BC, 1)
    found = []
    for atom in atoms:
        *numbers, display = inside(file, atom)
        texts = [(each.identifier, file[each.body : each.end]) for each in inside(file, display)]
        found.append(([(each.identifier, unsigned(reader, each)) for each in numbers], texts))
    language = (matroska.LANGUAGE, b"und")
    assert found == [
        ([(0x73C4, 1), (0x91, 0), (0x92, 1_500_000_000)], [(0x85, b"One"), language]),
        ([(0x73C4, 2), (0x91, 2_000_000_000)], [(0x85, "Zwö".encode()), language]),
    ]


@pytest.mark.parametrize(
    ("length", "size"),
    [(0, "80"), (126, "fe"), (127, "407f"), (16_382, "7ffe"), (16_383, "203fff"), (2_097_150, "3ffffe")],
)
def test_an_element_has_the_shortest_size_that_does_not_say_unknown(length: int, size: str) -> None:
    written = patched(a_webm(60), [Chapter(0.0, "x" * length)])

    assert b"\x85" + bytes.fromhex(size) + b"x" * length + b"\x43\x7c\x83und" in written


def test_numbers_have_the_fewest_bytes() -> None:
    written = patched(a_webm(60), [Chapter(0.0)] * 257)

    assert b"\x73\xc4\x81\xff" in written
    assert b"\x73\xc4\x82\x01\x00" in written
    assert b"\x73\xc4\x82\x01\x01" in written
