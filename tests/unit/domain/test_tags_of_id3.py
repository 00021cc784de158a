"""The parts of an ID3v2 tag byte by byte: its header, the flags of the tag and of each frame, texts, and bounds."""

from __future__ import annotations

import zlib

import pytest

from tests.support.reading import bytes_at
from worker.domain.tags.id3 import Frame, frames_of, read_id3, tag_bytes, texts_of
from worker.domain.tags.id3_frames import frame, syncsafe
from worker.domain.tags.id3_writing import id3_in_front, id3_tag
from worker.domain.tags.metadata import Metadata

TITLE = b"\x03Title"


def tag(version: int, content: bytes, *, flags: int = 0) -> bytes:
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(content)) + content


def a_frame(version: int, name: bytes, content: bytes, *, flags: int = 0) -> bytes:
    if version == 2:
        return name + len(content).to_bytes(3, "big") + content
    size = len(content).to_bytes(4, "big") if version == 3 else syncsafe(len(content))
    return name + size + bytes([0, flags]) + content


def frames(data: bytes, **limits: int | str) -> list[Frame]:
    return list(frames_of(bytes_at(data), 0, **limits))  # type: ignore[arg-type]


def title_of(data: bytes) -> tuple[str, ...]:
    return read_id3(bytes_at(data), 0).get("TITLE", ())


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"ID3\x04\0\0\0\0\0\0", 10),
        (b"ID3\x04\0\xef\0\0\0\0", 10),
        (b"ID3\x04\0\x10\0\0\0\0", 20),  # with a footer
        (b"ID3\x04\0\0\x01\x02\x03\x7f", 10 + (1 << 21 | 2 << 14 | 3 << 7 | 127)),
        (b"ID3\x04\0\0\0\0\0", 0),
        (b"ID4\x04\0\0\0\0\0\0", 0),
        (b"ID3\x04\0\0\x80\0\0\0", 0),
        (b"ID3\x04\0\0\0\x80\0\0", 0),
        (b"ID3\x04\0\0\0\0\x80\0", 0),
        (b"ID3\x04\0\0\0\0\0\x80", 0),
    ],
)
def test_the_length_of_a_tag_is_that_of_its_header_its_frames_and_its_footer(header: bytes, length: int) -> None:
    assert tag_bytes(header) == length
    assert tag_bytes(header + b"\x80" * 9) == (length if len(header) == 10 else 0)
    assert id3_in_front(bytes_at(header), Metadata()) == (b"", length)


@pytest.mark.parametrize(
    ("version", "name"), [(0, None), (1, None), (2, b"TT2"), (3, b"TIT2"), (4, b"TIT2"), (5, None), (255, None)]
)
def test_frames_are_those_of_version_2_to_4(version: int, name: bytes | None) -> None:
    content = a_frame(min(max(version, 2), 4), name or b"TIT2", TITLE)

    assert frames(tag(version, content)) == ([Frame("TIT2", TITLE)] if name else [])


@pytest.mark.parametrize(
    ("version", "extended"),
    [
        (3, b"\0\0\0\x06" + bytes(6)),  # its size is without its own four bytes
        (3, b"\0\0\0\x8a" + bytes(138)),
        (4, b"\0\0\0\x06\x01\0"),  # its size is with them
        (4, b"\0\0\x01\x0a" + bytes(134)),
    ],
)
def test_frames_begin_behind_an_extended_header(version: int, extended: bytes) -> None:
    frame_of_title = a_frame(version, b"TIT2", TITLE)

    assert title_of(tag(version, extended + frame_of_title, flags=0x40)) == ("Title",)
    assert title_of(tag(version, frame_of_title, flags=0x20)) == ("Title",)  # of an experiment


def test_a_tag_of_version_2_has_no_extended_header() -> None:
    assert title_of(tag(2, a_frame(2, b"TT2", TITLE), flags=0x40)) == ("Title",)


@pytest.mark.parametrize(
    ("version", "flags", "in_front", "is_read"),
    [
        (3, 0x20, b"g", True),  # the sign of a group
        (3, 0x1F, b"", True),  # flags without a meaning
        (3, 0x40, b"e", False),  # encrypted
        (4, 0x40, b"g", True),
        (4, 0x01, b"\0\0\0\x06", True),  # the length of the content
        (4, 0x41, b"g\0\0\0\x06", True),
        (4, 0xB0, b"", True),
        (4, 0x04, b"e", False),
    ],
)
def test_what_the_flags_of_a_frame_say_stands_in_front_of_its_content(
    version: int, flags: int, in_front: bytes, *, is_read: bool
) -> None:
    data = tag(version, a_frame(version, b"TIT2", in_front + TITLE, flags=flags))

    assert frames(data) == [Frame("TIT2", TITLE if is_read else b"")]


@pytest.mark.parametrize("version", [3, 4])
def test_the_first_byte_of_flags_says_nothing_of_the_content(version: int) -> None:
    content = TITLE * 50
    with_flags = a_frame(version, b"TIT2", content).replace(b"\0\0" + TITLE, b"\xff\0" + TITLE)

    assert frames(tag(version, with_flags + a_frame(version, b"TALB", TITLE))) == [
        Frame("TIT2", content),
        Frame("TALB", TITLE),
    ]


@pytest.mark.parametrize(
    ("version", "flags", "in_front"),
    [(3, 0x80, bytes(4)), (3, 0xA0, bytes(5)), (4, 0x08, b""), (4, 0x09, bytes(4)), (4, 0x49, bytes(5))],
)
def test_a_compressed_frame_is_opened_behind_what_its_flags_say(version: int, flags: int, in_front: bytes) -> None:
    title = TITLE * 50
    packed = zlib.compress(title)

    assert frames(tag(version, a_frame(version, b"TIT2", in_front + packed, flags=flags))) == [Frame("TIT2", title)]
    assert frames(tag(version, a_frame(version, b"TIT2", in_front + b"no zlib", flags=flags))) == [Frame("TIT2", b"")]


@pytest.mark.parametrize(
    ("version", "flags_of_tag", "flags", "are_left_out"),
    [
        (2, 0x80, 0, True),
        (2, 0, 0, False),
        (3, 0x80, 0, True),
        (3, 0, 0, False),
        (3, 0x2F, 0, False),
        (3, 0, 0x02, False),
        (4, 0x80, 0, True),
        (4, 0, 0x02, True),
        (4, 0x80, 0x02, True),
        (4, 0, 0, False),
        (4, 0x2F, 0xB0, False),
    ],
)
def test_zeros_behind_ones_are_left_out_where_the_tag_or_the_frame_says_so(
    version: int, flags_of_tag: int, flags: int, *, are_left_out: bool
) -> None:
    written, plain = b"\0\xff\0x", b"\0\xffx"
    name = b"TT2" if version == 2 else b"TIT2"
    content = a_frame(version, name, written, flags=flags)
    if flags_of_tag == 0x80 and version < 4:  # there, sizes are those of the frame before
        content = a_frame(version, name, plain, flags=flags).replace(plain, written)

    assert frames(tag(version, content, flags=flags_of_tag)) == [Frame("TIT2", plain if are_left_out else written)]


def test_a_stated_length_of_the_content_is_no_sign_of_zeros_to_leave_out() -> None:
    content = a_frame(4, b"TIT2", b"\0\0\0\x04\0\xff\0x", flags=0x01)

    assert frames(tag(4, content)) == [Frame("TIT2", b"\0\xff\0x")]


def test_a_frame_of_an_unsynchronised_tag_may_be_the_last_byte_of_it() -> None:
    data = tag(3, a_frame(3, b"TIT2", b"\0\xffx\0").replace(b"\xff", b"\xff\0"), flags=0x80)

    assert frames(data + a_frame(3, b"TIT2", TITLE)) == [Frame("TIT2", b"\0\xffx\0")]
    assert frames(data[:-1]) == []


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_frame_ends_within_its_tag(version: int) -> None:
    name = b"TT2" if version == 2 else b"TIT2"
    one = a_frame(version, name, TITLE)
    whole = tag(version, one + one)

    assert len(frames(whole)) == 2
    for missing in (1, len(TITLE), len(TITLE) + 1, len(one) - 1):
        states_less = tag(version, (one + one)[:-missing]) + (one + one)[-missing:]
        assert len(frames(states_less)) == 1
        assert len(frames(whole[:-missing] if missing > len(TITLE) else states_less)) == 1


def test_names_of_frames_are_capitals_and_digits() -> None:
    for name in (b"TIt2", b"TI 2", b"\0\0\0\0", b"1234"):
        assert frames(tag(3, a_frame(3, b"TALB", TITLE) + a_frame(3, name, TITLE))) == [Frame("TALB", TITLE)]


def test_frames_of_other_names_and_longer_ones_are_passed_over() -> None:
    data = tag(4, frame(b"TIT2", b"123") + frame(b"COMM", b"1") + frame(b"TALB", b"12") + frame(b"TCON", b"12345"))

    assert frames(data, letters="T", max_bytes=3) == [Frame("TIT2", b"123"), Frame("TALB", b"12")]
    assert frames(data, letters="C", max_bytes=0) == []


def test_what_compression_adds_to_all_frames_together_is_bounded() -> None:
    packed = a_frame(4, b"TXXX", zlib.compress(bytes(1000)), flags=0x08)
    grows = 1000 - len(zlib.compress(bytes(1000)))
    data = tag(4, packed + frame(b"TIT2", bytes(9)) + packed)

    assert len(frames(data, expanded_bytes=2 * grows)) == 3
    assert len(frames(data, expanded_bytes=2 * grows - 1)) == 2
    assert len(frames(data, expanded_bytes=grows - 1)) == 0


def test_at_most_2000_frames_are_read() -> None:
    assert len(frames(tag(4, frame(b"TIT2", b"") * 2000))) == 2000
    assert len(frames(tag(4, frame(b"TIT2", b"") * 2001))) == 2000


def test_the_texts_of_a_tag_are_read_as_far_as_they_have_4_mib_together() -> None:
    quarter = b"\x03A\0" + b"x" * ((1 << 20) - 3)  # the second text is longer than one can be
    more = frame(b"TIT2", b"\0") + frame(b"TALB", quarter)

    assert read_id3(bytes_at(tag(4, frame(b"TCON", quarter) * 3 + more[11:])), 0) == {"GENRE": ("A",), "ALBUM": ("A",)}
    assert read_id3(bytes_at(tag(4, frame(b"TCON", quarter) * 3 + more)), 0) == {"GENRE": ("A",)}
    assert read_id3(bytes_at(tag(4, frame(b"TCON", quarter + b"\0"))), 0) == {}


@pytest.mark.parametrize(
    ("dates", "date"),
    [
        ({b"TYER": b"1999"}, ("1999",)),
        ({b"TYER": b"1999", b"TDAT": b"3112"}, ("1999-12-31",)),
        ({b"TDAT": b"3112", b"TYER": b"1999"}, ("1999-12-31",)),
        ({b"TYER": b"1999", b"TDAT": b"311"}, ("1999",)),
        ({b"TYER": b"1999", b"TDAT": b"31121"}, ("1999",)),
        ({b"TYER": b"1999", b"TDAT": b"31 1"}, ("1999",)),
        ({b"TDAT": b"3112"}, ()),
        ({b"TDRC": b"2001", b"TYER": b"1999"}, ("2001",)),
        ({b"TYER": b"1999\x002000"}, ("1999",)),
        ({b"TYER": b""}, ()),
    ],
)
def test_a_date_of_version_3_is_a_year_and_a_day(dates: dict[bytes, bytes], date: tuple[str, ...]) -> None:
    data = tag(3, b"".join(a_frame(3, name, b"\0" + text) for name, text in dates.items()))

    assert read_id3(bytes_at(data), 0).get("DATE", ()) == date


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"", []),
        (b"\0", [""]),
        (b"\0One", ["One"]),
        (b"\0One\0", ["One"]),
        (b"\0One\0Two", ["One", "Two"]),
        (b"\0One\0Two\0", ["One", "Two"]),
        (b"\0One\0\0Two", ["One", "", "Two"]),
        (b"\0\0", [""]),
        (b"\0\xe9", ["é"]),
        (b"\x03\xc3\xa9", ["é"]),
        (b"\x01\xff\xfeA\0", ["A"]),
        (b"\x01\xfe\xff\0A", ["A"]),
        (b"\x01A\0", ["A"]),
        (b"\x01\xff\xfeA\0\0\0\xff\xfeB\0", ["A", "B"]),
        (b"\x01\xff\xfeA\0B", ["A"]),  # half a character
        (b"\x02\0A", ["A"]),
        (b"\x02\xff\xfeA\0", ["\ufffe\u4100"]),  # of an order that has no mark
        (b"\x04One", []),
    ],
)
def test_texts_are_in_one_of_four_encodings(content: bytes, texts: list[str]) -> None:
    assert texts_of(content) == texts


@pytest.mark.parametrize(
    ("name", "content", "tags"),
    [
        (b"TXXX", b"\x03MOOD\0Blue\0Green", {"MOOD": ("Blue", "Green")}),
        (b"TXXX", b"\x03\0Blue", {}),
        (b"COMM", b"\x03eng\0Note", {"COMMENT": ("Note",)}),
        (b"COMM", b"\x03engOf\0Note", {"Of": ("Note",)}),
        (b"COMM", b"\x09eng\0Note", {}),
        (b"USLT", b"\x03engOf\0La", {"LYRICS": ("La",)}),
        (b"UFID", b"http://musicbrainz.org\0id", {"MUSICBRAINZ_TRACKID": ("id",)}),
        (b"UFID", b"http://other.example\0id", {}),
        (b"WOAR", b"http://a.example\0rest", {"WEBSITE": ("http://a.example",)}),
        (b"WORS", b"http://a.example", {}),  # of no field
        (b"TENC", b"\x03Somebody", {}),
        (b"TKEY", b"\x03Am", {"KEY": ("Am",)}),
        (b"TZZZ", b"\x03unknown", {"TZZZ": ("unknown",)}),
        (b"MVNM", b"\x03Largo", {"MOVEMENTNAME": ("Largo",)}),
        (b"IZZZ", b"\x03unknown", {}),
        (b"TIPL", b"\x03Mix\0M\0clown\0C\0\0N\0empty\0\0odd", {"MIXER": ("M",), "PERFORMER": ("C (clown)", "N")}),
    ],
)
def test_each_kind_of_frame_has_a_form_of_its_own(
    name: bytes, content: bytes, tags: dict[str, tuple[str, ...]]
) -> None:
    assert read_id3(bytes_at(tag(4, frame(name, content))), 0) == tags


def test_an_identifier_is_written_behind_its_owner() -> None:
    written = id3_tag(Metadata({"MUSICBRAINZ_TRACKID": ("an id",)}))

    assert written == tag(4, frame(b"UFID", b"http://musicbrainz.org\0an id"))
