"""The header of an ASF byte by byte: its objects, and the names, types and values in them."""

from __future__ import annotations

import struct

import pytest

from tests.support.reading import bytes_at
from worker.domain.tags import asf
from worker.domain.tags.collecting import Tags


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def an_object(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<Q", 24 + len(content)) + content


def extended(*entries: tuple[bytes, int, bytes], count: int | None = None) -> bytes:
    content = struct.pack("<H", len(entries) if count is None else count)
    for name, kind, value in entries:
        content += struct.pack("<H", len(name)) + name + struct.pack("<HH", kind, len(value)) + value
    return an_object(asf.EXTENDED_CONTENT_DESCRIPTION, content)


def library(*entries: tuple[bytes, int, bytes], count: int | None = None) -> bytes:
    content = struct.pack("<H", len(entries) if count is None else count)
    for name, kind, value in entries:
        content += struct.pack("<HHHHI", 0xEEEE, 0xEEEE, len(name), kind, len(value)) + name + value
    return an_object(asf.METADATA_LIBRARY, content)


def extension(*objects: bytes) -> bytes:
    return an_object(asf.HEADER_EXTENSION, b"\xee" * 22 + b"".join(objects))


def read(*objects: bytes, behind: bytes = b"") -> Tags:
    """Of a file that does not begin with the header."""
    body = b"\xee" * 6 + b"".join(objects)
    return asf.read_asf(bytes_at(b"junk" + an_object(bytes(16), body) + behind), 4)


TITLE, MOOD = (utf16("Title"), 0, utf16("A")), (utf16("WM/Mood"), 0, utf16("B"))


@pytest.mark.parametrize(
    ("objects", "tags"),
    [
        ([extended(TITLE), extended(MOOD)], {"TITLE": ("A",), "MOOD": ("B",)}),
        ([an_object(bytes(16), b""), extended(TITLE)], {"TITLE": ("A",)}),
        ([extension(an_object(bytes(16), b"x"), library(TITLE), library(MOOD))], {"TITLE": ("A",), "MOOD": ("B",)}),
        ([extended(TITLE), bytes(16) + struct.pack("<Q", 23), extended(MOOD)], {"TITLE": ("A",)}),
        ([extended(TITLE), bytes(16) + struct.pack("<Q", 900)], {"TITLE": ("A",)}),
        ([extended(TITLE), bytes(23)], {"TITLE": ("A",)}),
        ([extended(TITLE), extended(MOOD)[:-1]], {"TITLE": ("A",)}),
        ([library(TITLE)], {}),  # not within an extension
        ([extension(extended(TITLE))], {}),
        ([extended(TITLE, MOOD, count=1)], {"TITLE": ("A",)}),
        ([extended(TITLE, count=2)], {"TITLE": ("A",)}),
        ([extended(TITLE, count=0)], {}),
        ([extension(library(TITLE, MOOD, count=1))], {"TITLE": ("A",)}),
        ([extension(library(TITLE, count=2))], {"TITLE": ("A",)}),
        ([extension(library(TITLE, count=0))], {}),
        ([extended(*[(b"", 0, b"")] * 4999, TITLE)], {"TITLE": ("A",)}),
        ([extended(*[(b"", 0, b"")] * 5000, TITLE)], {}),
    ],
)
def test_a_header_has_objects_with_as_many_entries_as_they_count(objects: list[bytes], tags: Tags) -> None:
    assert read(*objects) == tags


def test_the_first_of_several_values_is_that_of_the_content_description_wherever_it_stands() -> None:
    """Mutagen writes it behind the extended one, and further values there."""
    artist = utf16("One")
    described = an_object(asf.CONTENT_DESCRIPTION, struct.pack("<5H", 0, len(artist), 0, 0, 0) + artist)
    others = [extended((utf16("Author"), 0, utf16("Two"))), extension(library((utf16("Author"), 0, utf16("Three"))))]

    assert read(*reversed(others), described) == {"ARTIST": ("One", "Two", "Three")}


def test_what_follows_on_a_header_is_none_of_it() -> None:
    assert read(extended(TITLE), behind=extended(MOOD)) == {"TITLE": ("A",)}


@pytest.mark.parametrize("of", [extended, lambda *entries: extension(library(*entries))])
@pytest.mark.parametrize(
    ("entry", "tags"),
    [
        ((utf16("Title"), 0, utf16("Ä")), {"TITLE": ("Ä",)}),
        ((utf16("Title"), 0, utf16("A") + utf16("B")), {"TITLE": ("A",)}),
        ((utf16("Title"), 0, b"A\0x"), {"TITLE": ("A",)}),  # half a character
        ((utf16("Title")[:-2], 0, b"A\0"), {"TITLE": ("A",)}),
        ((utf16("Title")[:-2] + b"x", 0, b"A\0"), {"TITLE": ("A",)}),
        ((utf16("T" * 200), 0, utf16("x" * 300)), {}),  # too long a name
        ((utf16("T" * 99), 0, utf16("x" * 300)), {"T" * 99: ("x" * 300,)}),
        ((utf16("WM/Track"), 3, struct.pack("<I", 1 << 24)), {"WM/Track": (str(1 << 24),)}),
        ((utf16("WM/Track"), 4, struct.pack("<Q", 1 << 56)), {"WM/Track": (str(1 << 56),)}),
        ((utf16("WM/Track"), 5, struct.pack("<H", 258)), {"WM/Track": ("258",)}),
        ((utf16("WM/Track"), 4, struct.pack("<QB", 7, 9)), {"WM/Track": ("7",)}),
        ((utf16("WM/IsCompilation"), 2, struct.pack("<I", 0)), {"COMPILATION": ("0",)}),
        ((utf16("WM/IsCompilation"), 2, struct.pack("<I", 256)), {"COMPILATION": ("1",)}),
        ((utf16("WM/Mood"), 1, utf16("no")), {}),
        ((utf16("WM/Mood"), 6, utf16("no")), {}),
        ((utf16("WM/EncodingTime"), 4, struct.pack("<Q", 7)), {}),
    ],
)
def test_an_entry_has_a_name_a_type_and_a_value(of: object, entry: tuple[bytes, int, bytes], tags: Tags) -> None:
    assert callable(of)
    assert read(of(entry)) == tags
    assert read(of(entry, MOOD)) == {**tags, "MOOD": ("B",)}


def test_five_texts_are_described_by_their_lengths() -> None:
    texts = [utf16(each * 140) for each in "abcde"]
    content = struct.pack("<5H", *map(len, texts)) + b"".join(texts)

    assert read(an_object(asf.CONTENT_DESCRIPTION, content)) == {
        "TITLE": ("a" * 140,),
        "ARTIST": ("b" * 140,),
        "COPYRIGHT": ("c" * 140,),
        "COMMENT": ("d" * 140,),
    }
