"""How long the tags in front of the sound and behind it are, byte by byte."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from worker.domain.containers.behind import joined_behind, repairs_behind
from worker.domain.containers.sizes import is_placeholder
from worker.domain.containers.structure import BYTES_BEHIND, JOINED
from worker.domain.containers.tags import before_tags, behind_tags, behind_tags_between

SOUND = b"\xf0" * 500
ID3V1 = b"TAG" + bytes(range(125))
ENHANCED = b"TAG+" + bytes(range(223)) + ID3V1  # 60 bytes each of title, artist and album, 43 of others
MILLION = 1_000_000


def id3v2(length: int, *, flags: int = 0) -> bytes:
    size = bytes(length >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x04\0" + bytes([flags]) + size + b"i" * length + (b"3DI" + bytes(7) if flags & 0x10 else b"")


def ape(length: int, *, header: bool = False, footer: bool = True) -> bytes:
    """Its size counts the items and the footer."""
    fields = struct.pack("<III", 2000, length + 32, 1)
    parts = [b"APETAGEX" + fields + struct.pack("<I", 0xA000_0000) + bytes(8)] if header else []
    parts.append(b"a" * length)
    parts += [b"APETAGEX" + fields + struct.pack("<I", 0x8000_0000 * header) + bytes(8)] if footer else []
    return b"".join(parts)


def lyrics3(*fields: bytes) -> bytes:
    content = b"LYRICSBEGIN" + b"".join(b"LYR" + b"%05d" % len(field) + field for field in fields)
    return content + b"%06d" % len(content) + b"LYRICS200"


def lyrics(length: int) -> bytes:
    return b"LYRICSBEGIN" + b"l" * (length - 11) + f"{length:06}".encode() + b"LYRICS200"


@pytest.mark.parametrize(
    "tag",
    [
        b"",
        id3v2(0),
        id3v2(127),
        id3v2(128),
        id3v2(1 << 14),
        id3v2(1 << 21 | 3 << 14 | 5 << 7 | 9),
        id3v2(300, flags=0x10),
        id3v2(300, flags=0xEF),
        id3v2(5)[:10] + b"\xff" * 5,
        ape(9, header=True),
        ape(70_000, header=True),
        id3v2(7) + ape(3, header=True) + id3v2(9),
        id3v2(1) * 16,
    ],
)
def test_the_sound_begins_behind_all_tags_in_front(tag: bytes) -> None:
    assert behind_tags(reader(tag + SOUND)) == len(tag)
    assert behind_tags(reader(b"junk" + tag + SOUND), 4) == 4 + len(tag)
    assert behind_tags_between(reader(tag + SOUND), 0) == len(tag)
    assert behind_tags_between(reader(ID3V1 + tag + SOUND), 0) == len(ID3V1 + tag)


def test_more_than_16_tags_in_front_are_not_passed() -> None:
    assert behind_tags(reader(id3v2(1) * 17)) == 16 * len(id3v2(1))
    assert behind_tags_between(reader(ID3V1 * 33), 0) == 32 * len(ID3V1)


def test_a_tag_whose_header_is_cut_off_or_wrong_is_not_passed_over() -> None:
    for tag in (id3v2(5), ape(5, header=True)):
        assert behind_tags(reader(tag[:9])) == 0
    assert behind_tags(reader(id3v2(5)[:10])) == 15
    assert behind_tags(reader(ape(0, header=True)[:31])) == 0
    assert behind_tags(reader(ape(0, header=True)[:32])) == 64
    assert behind_tags(reader(ape(5) + SOUND)) == 0  # items without a header
    assert behind_tags(reader(ape(5)[5:] + SOUND)) == 0  # a footer
    other_flags = ape(5, header=True)[:23] + b"\xdf" + ape(5, header=True)[24:]
    assert behind_tags(reader(other_flags + SOUND)) == 0
    for at in range(6, 10):
        wrong = bytearray(id3v2(5))
        wrong[at] = 128
        assert behind_tags(reader(bytes(wrong) + SOUND)) == 0


@pytest.mark.parametrize(
    "tag",
    [
        b"",
        ID3V1,
        ENHANCED,
        ape(9),
        ape(9, header=True),
        ape(70_000),
        lyrics(11),
        lyrics(900),
        lyrics3(b"words", b"w" * 99_999),
        b"LYRICSBEGIN" + b"words" * 1000 + b"LYRICSEND" + ID3V1,
        b"LYRICSBEGIN" + b"words" * 1020 + b"LYRICSEND" + ID3V1,
        ape(5) + lyrics(20) + ID3V1,
        ID3V1 * 16,
    ],
)
def test_the_sound_ends_before_all_tags_behind(tag: bytes) -> None:
    data = SOUND + tag

    assert before_tags(reader(data), 0, len(data)) == len(SOUND)
    assert before_tags(reader(data + b"behind"), 0, len(data)) == len(SOUND)
    assert before_tags(reader(data + tag), 0, len(data)) == len(SOUND)
    assert before_tags(reader(data), len(SOUND), len(data)) == len(SOUND)
    if tag and tag != ID3V1 * 16:
        assert before_tags(reader(data), len(SOUND) + 1, len(data)) > len(SOUND)  # not before where the sound begins


@pytest.mark.parametrize(("flags", "has_header"), [(0x00, False), (0x7F, False), (0x80, True), (0xFF, True)])
def test_a_flag_says_whether_a_tag_behind_has_a_header(flags: int, *, has_header: bool) -> None:
    footer = bytearray(ape(9)[-32:])
    footer[23] = flags
    data = SOUND + b"h" * 32 + b"a" * 9 + bytes(footer)

    assert before_tags(reader(data), 0, len(data)) == len(SOUND) + (0 if has_header else 32)


def test_more_than_16_tags_behind_are_not_passed() -> None:
    data = SOUND + ID3V1 * 17

    assert before_tags(reader(data), 0, len(data)) == len(SOUND + ID3V1)


@pytest.mark.parametrize(
    "tag",
    [
        ENHANCED,
        ID3V1[:3] + b"+" + ID3V1[4:],  # a title that begins so
        lyrics3(),
        lyrics3(b"words", b"w" * 70_000) + ID3V1,
        b"LYRICSBEGIN" + b"w" * 5100 + b"LYRICSEND" + ID3V1,
        ape(9, header=True) + lyrics3(b"words") + ENHANCED + id3v2(9) + ape(9, header=True),
    ],
)
def test_tags_of_both_files_between_which_sound_was_joined_are_passed(tag: bytes) -> None:
    assert behind_tags_between(reader(SOUND + tag + SOUND), len(SOUND)) == len(SOUND + tag)


@pytest.mark.parametrize(
    "tag",
    [
        b"LYRICSBEGIN" + b"w" * 5101 + b"LYRICSEND",
        lyrics3(b"words")[:-1],
        lyrics3(b"words").replace(b"000024", b"000025"),
        lyrics3(b"words").replace(b"00005", b"99999"),
        lyrics3(b"words").replace(b"00005", b"x0005"),
        lyrics3(*[b""] * 65),
        ape(9),
    ],
)
def test_what_is_no_whole_tag_between_two_files_is_not_passed(tag: bytes) -> None:
    assert behind_tags_between(reader(SOUND + tag + SOUND), len(SOUND)) == len(SOUND)


@pytest.mark.parametrize("tag", [b"000000LYRICS200", b"LYRICSBEGIN" + b"words" + b"LYRICSEND"])
def test_a_tag_may_be_all_that_there_is(tag: bytes) -> None:
    assert before_tags(reader(tag), 0, len(tag)) == 0


def test_a_tag_behind_that_states_nothing_or_more_than_there_is_is_none() -> None:
    for size in (0, 10_000):
        footer = b"APETAGEX" + struct.pack("<III", 2000, size, 1) + bytes(12)
        data = SOUND + footer
        assert before_tags(reader(data), 0, len(data)) == len(data)
    data = b"x" + b"123456LYRICS200"
    assert before_tags(reader(data), 0, len(data)) == len(data)
    for data in (b"LYRICSEND", SOUND + b"a text without its beginning: LYRICSEND"):
        assert before_tags(reader(data), 0, len(data)) == len(data)
    data = SOUND + b"12345xLYRICS200"
    assert before_tags(reader(data), 0, len(data)) == len(data)


def test_a_second_file_begins_behind_the_first_or_behind_the_tags_between_them() -> None:
    for tags in (b"", id3v2(7)):
        data = SOUND + tags + b"MAGI"
        assert joined_behind(reader(data), len(SOUND), len(data), b"MAGI") == JOINED
        assert joined_behind(reader(data), len(SOUND), len(data), b"MAGX") is None
    assert joined_behind(reader(SOUND + b"MAGI"), len(SOUND), len(SOUND), b"MAGI") is None


def test_bytes_that_are_neither_padding_nor_tags_are_mentioned() -> None:
    for behind, repairs in (
        (b"", ()),
        (bytes(9), ()),
        (b"\xff" * 9, ()),
        (ID3V1, ()),
        (id3v2(9) + ID3V1, ()),
        (b"ab", (BYTES_BEHIND,)),
        (id3v2(9) + b"ab" + ID3V1, (BYTES_BEHIND,)),
    ):
        data = SOUND + behind
        assert repairs_behind(reader(data), len(SOUND), len(data)) == repairs
    assert repairs_behind(reader(SOUND + id3v2(9)[:12]), len(SOUND), len(SOUND) + 12) == ()


@pytest.mark.parametrize(
    ("stated", "there", "answer"),
    [
        # Near a multiple of 256 MiB: up to 4096 bytes to either side.
        ((1 << 28) + 4096, 1 << 27, True),
        ((1 << 28) + 4097, 1 << 27, False),
        ((1 << 30) - 4096, 1 << 29, True),
        ((1 << 30) - 4097, 1 << 29, False),
        # Near a multiple of 100 million: up to 64.
        (300 * MILLION - 64, 250 * MILLION, True),
        (300 * MILLION - 65, 250 * MILLION, False),
        (900 * MILLION + 64, 250 * MILLION, True),
        (900 * MILLION + 65, 250 * MILLION, False),
        # Any other number where it is more than 16 times what is there.
        (16 * 17 * MILLION, 17 * MILLION, False),
        (16 * 17 * MILLION + 1, 17 * MILLION, True),
    ],
)
def test_a_large_size_is_a_placeholder_near_round_numbers_or_far_from_what_is_there(
    stated: int, there: int, *, answer: bool
) -> None:
    assert is_placeholder(stated, there) is answer
