"""Tags of Matroska and ASF: whole, whatever their length, and by the names of the other containers."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames import reader
from tests.support.sounds import run_ffmpeg, sound
from worker.domain.containers.sniffing import sniff
from worker.domain.tags import asf, matroska
from worker.domain.tags.collecting import Tags
from worker.domain.tags.reading import read_tags

LYRICS = "\n".join("la" * length for length in (10, 126, 127, 128, 3000))


def read(data: bytes) -> Tags:
    return read_tags(sniff(reader(data), len(data)), reader(data), len(data))


@pytest.mark.parametrize("name", ["plain.mka", "plain.webm", "plain.wma"])
def test_values_of_any_length_are_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    tags = {"title": "T" * 300, "artist": "Änne", "album": "A" * 252, "lyrics": LYRICS}
    options = [word for field, value in tags.items() for word in ("-metadata", f"{field}={value}")]
    run_ffmpeg("-i", str(sound("plain.wav")), *options, str(path))

    read_from_file = read(path.read_bytes())

    for field, value in tags.items():
        assert read_from_file[field.upper()] == (value,), field


def element(identifier: int, body: bytes) -> bytes:
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (len(body) | 1 << 56).to_bytes(8, "big") + body


def simple(name: str, value: str) -> bytes:
    fields = element(matroska.TAG_NAME, name.encode()) + element(matroska.TAG_STRING, value.encode())
    return element(matroska.SIMPLE_TAG, fields)


def tag(*simples: bytes, level: int | None = None, track: int = 0) -> bytes:
    targets = b"" if level is None else element(matroska.LEVEL, bytes([level]))
    targets += element(0x63C5, bytes([track])) if track else b""
    return element(matroska.TAG, element(matroska.TARGETS, targets) + b"".join(simples))


def matroska_file(*tags: bytes, title: str = "") -> bytes:
    info = element(matroska.INFO, element(matroska.TITLE, title.encode()) if title else b"")
    return element(0x1A45DFA3, b"") + element(0x18538067, info + element(matroska.TAGS, b"".join(tags)))


@pytest.mark.parametrize("stated", [50, None])  # mkvmerge leaves out the level of an album, the one by default
def test_tags_of_an_album_are_told_from_those_of_a_track_where_there_are_both(stated: int | None) -> None:
    album = tag(simple("TITLE", "The album"), simple("ARTIST", "All"), simple("DATE_RELEASED", "1999"), level=stated)
    track = tag(simple("TITLE", "The song"), simple("PART_NUMBER", "3"), level=30)

    assert read(matroska_file(album, track)) == {
        "ALBUM": ("The album",),
        "ALBUMARTIST": ("All",),
        "DATE": ("1999",),
        "TITLE": ("The song",),
        "TRACKNUMBER": ("3",),
    }
    assert read(matroska_file(album))["TITLE"] == ("The album",)


def test_the_title_of_the_segment_counts_where_no_tag_has_one() -> None:
    assert read(matroska_file(title="A title")) == {"TITLE": ("A title",)}
    assert read(matroska_file(tag(simple("TITLE", "Another")), title="A title")) == {"TITLE": ("Another",)}


def test_tags_of_one_track_are_not_those_of_the_file() -> None:
    assert read(matroska_file(tag(simple("BPS", "128000"), track=1), tag(simple("ARTIST", "Änne")))) == {
        "ARTIST": ("Änne",)
    }


def test_fields_that_stand_there_twice_have_two_values() -> None:
    assert read(matroska_file(tag(simple("ARTIST", "One"), simple("ARTIST", "Two")))) == {"ARTIST": ("One", "Two")}


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def an_object(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<Q", 24 + len(content)) + content


def extended(*entries: tuple[str, int, bytes]) -> bytes:
    content = struct.pack("<H", len(entries))
    for name, kind, value in entries:
        content += struct.pack("<H", len(utf16(name))) + utf16(name) + struct.pack("<HH", kind, len(value)) + value
    return an_object(asf.EXTENDED_CONTENT_DESCRIPTION, content)


def library(*entries: tuple[str, int, bytes]) -> bytes:
    content = struct.pack("<H", len(entries))
    for name, kind, value in entries:
        content += struct.pack("<HHHHI", 0, 0, len(utf16(name)), kind, len(value)) + utf16(name) + value
    return an_object(asf.HEADER_EXTENSION, bytes(22) + an_object(asf.METADATA_LIBRARY, content))


def asf_file(*objects: bytes) -> bytes:
    kind = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
    body = struct.pack("<IBB", len(objects), 1, 2) + b"".join(objects)
    return an_object(kind, body)


def test_windows_names_and_numbers_become_those_of_the_other_containers() -> None:
    described = [utf16(text) for text in ("A title", "Änne", "(c)", "A note", "")]
    lengths = struct.pack("<5H", *map(len, described))
    file = asf_file(
        an_object(asf.CONTENT_DESCRIPTION, lengths + b"".join(described)),
        extended(
            ("WM/AlbumTitle", 0, utf16("The album")),
            ("WM/TrackNumber", 3, struct.pack("<I", 3)),
            ("WM/IsCompilation", 2, struct.pack("<I", 1)),
            ("WM/Genre", 0, utf16("Jazz")),
            ("WM/Genre", 0, utf16("Soul")),
            ("MusicBrainz/Album Id", 0, utf16("b1c2")),
            ("WM/Picture", 1, b"\x03" * 99),
            ("WMFSDKVersion", 0, utf16("12.0")),
        ),
        library(("WM/Lyrics", 0, utf16("la" * 40_000))),
    )

    assert read(file) == {
        "TITLE": ("A title",),
        "ARTIST": ("Änne",),
        "COPYRIGHT": ("(c)",),
        "COMMENT": ("A note",),
        "ALBUM": ("The album",),
        "TRACKNUMBER": ("3",),
        "COMPILATION": ("1",),
        "GENRE": ("Jazz", "Soul"),
        "MUSICBRAINZ_ALBUMID": ("b1c2",),
        "LYRICS": ("la" * 40_000,),
    }


@given(at=st.integers(0, 400), junk=st.binary(min_size=1, max_size=20), length=st.integers(0, 600))
def test_any_bytes_have_an_answer(at: int, junk: bytes, length: int) -> None:
    for file in (
        matroska_file(tag(simple("TITLE", "x"))),
        asf_file(extended(("WM/Genre", 0, utf16("Jazz"))), library()),
    ):
        damaged = (file[:at] + junk + file[at + len(junk) :])[:length]
        matroska.read_matroska(reader(damaged), 0, len(damaged))
        asf.read_asf(reader(damaged), 0)


def test_of_many_large_tags_of_matroska_no_more_is_held_than_can_be_kept() -> None:
    file = matroska_file(*(tag(simple(f"NAME{number}", "x" * (1 << 18))) for number in range(200)))

    tracemalloc.start()
    try:
        matroska.read_matroska(reader(file), 0, len(file))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < len(file) / 4


@pytest.mark.timeout(20)
def test_counts_that_say_more_than_an_asf_header_has_take_no_time() -> None:
    empty = asf.EXTENDED_CONTENT_DESCRIPTION + struct.pack("<QH", 26, 0xFFFF)
    described = asf.EXTENDED_CONTENT_DESCRIPTION + struct.pack("<Q", 26 + 12) + struct.pack("<HH", 1, 4)
    described += "n\0".encode("utf-16-le") + struct.pack("<HH", 0, 0)
    content = 4000 * empty + described
    header = bytes(16) + struct.pack("<Q", 30 + len(content)) + bytes(6) + content

    assert asf.read_asf(reader(header), 0) == {}
