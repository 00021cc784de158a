"""Chapters of ID3 byte by byte: their frames, and the tables that list them."""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.support.reading import bytes_at
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.id3 import frames_of
from worker.domain.tags.id3_chapters import chapter_frames, chapters_of_id3
from worker.domain.tags.id3_frames import frame, syncsafe


def test_a_chapter_of_id3_has_its_times_in_milliseconds_and_a_title_if_it_has_one() -> None:
    written = list(chapter_frames([Chapter(0.5, "One", 1.5), Chapter(2.0)]))

    no_bytes = b"\xff" * 8
    assert written == [
        frame(b"CTOC", b"toc\0\x03\x02chp0\0chp1\0"),
        frame(b"CHAP", b"chp0\0" + struct.pack(">II", 500, 1500) + no_bytes + frame(b"TIT2", b"\x03One")),
        frame(b"CHAP", b"chp1\0" + struct.pack(">II", 2000, 2000) + no_bytes),
    ]
    assert list(chapter_frames([])) == []


@pytest.mark.parametrize("count", [1, 255, 256, 510, 511, 999])
def test_tables_of_contents_lead_from_the_first_one_to_every_chapter(count: int) -> None:
    body = b"".join(chapter_frames([Chapter(float(number)) for number in range(count)]))
    found = list(frames_of(bytes_at(b"ID3\x04\0\0" + syncsafe(len(body)) + body), 0, letters="C"))

    def entries(name: bytes, flags: int) -> list[bytes]:
        (content,) = (each for kind, each in found if kind == "CTOC" and each.startswith(name + b"\0"))
        stated, number, *_ = content[len(name) + 1 :]
        listed = content[len(name) + 3 :].split(b"\0")[:-1]
        assert (stated, number) == (flags, len(listed))
        return listed

    top = entries(b"toc", 3)
    reached = top if count <= 255 else [each for table in top for each in entries(table, 1)]
    names = [content.partition(b"\0")[0] for kind, content in found if kind == "CHAP"]
    assert reached == names
    assert len(set(names)) == count


@pytest.mark.parametrize(
    ("content", "chapters"),
    [
        (struct.pack(">IIII", 500, 1500, 0, 0), [Chapter(0.5, "", 1.5)]),
        (struct.pack(">IIII", 500, 0xFFFFFFFF, 0, 0), [Chapter(0.5, "", None)]),
        (struct.pack(">IIII", 500, 0xFFFFFFFE, 0, 0), [Chapter(0.5, "", 4294967.294)]),
        (struct.pack(">IIII", 0xFFFFFFFF, 1500, 0, 0), []),  # its begin is given in bytes of the file
        (struct.pack(">IIII", 500, 1500, 0, 0)[:-1], []),
        (bytes(16) + frame(b"TALB", b"\x03No") + frame(b"TIT2", b"\x03Yes"), [Chapter(0.0, "Yes", 0.0)]),
        (bytes(16) + frame(b"TIT2", b"\x04no text") + frame(b"TIT2", b"\x03Yes\0No"), [Chapter(0.0, "Yes", 0.0)]),
        (bytes(16) + frame(b"TIT2", b"\x03" + b"x" * 1023), [Chapter(0.0, "x" * 1023, 0.0)]),
        (bytes(16) + frame(b"TIT2", b"\x03" + b"x" * 1024), [Chapter(0.0, "", 0.0)]),
    ],
)
def test_a_chapter_of_id3_is_read_by_its_times_and_its_title(content: bytes, chapters: list[Chapter]) -> None:
    body = frame(b"CTOC", bytes(30)) + frame(b"CHAP", b"a name\0" + content)
    file = b"junk" + b"ID3\x04\0\0" + syncsafe(len(body)) + body

    assert list(chapters_of_id3(bytes_at(file), 4)) == chapters


def test_no_frame_within_a_chapter_may_become_longer_than_it_is_in_the_file() -> None:
    for more, title in ((0, True), (1, False)):
        text = next(
            text for count in range(99) if len(text := b"\x03" + b"x" * count) - len(zlib.compress(text)) == more
        )
        packed = zlib.compress(text)
        inside = b"TIT2" + syncsafe(len(packed)) + b"\0\x08" + packed
        body = frame(b"CHAP", b"a\0" + bytes(16) + inside)
        (chapter,) = chapters_of_id3(bytes_at(b"ID3\x04\0\0" + syncsafe(len(body)) + body), 0)
        assert bool(chapter.title) is title


def test_frames_within_a_chapter_are_of_the_version_of_the_tag() -> None:
    title = b"TIT2\0\0\x01\0\0\0\0" + b"x" * 255
    body = b"CHAP" + (2 + 16 + len(title)).to_bytes(4, "big") + b"\0\0" + b"a\0" + bytes(16) + title

    (chapter,) = chapters_of_id3(bytes_at(b"ID3\x03\0\0" + syncsafe(len(body)) + body), 0)

    assert chapter.title == "x" * 255
