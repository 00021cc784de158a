"""Any bytes have tags or none, and what is written in one kind of tag is read back from it."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reading import bytes_at
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed
from worker.domain.tags.chapters import Chapter, chapters_within, in_order
from worker.domain.tags.collecting import MAX_BYTES, Collector, Tags
from worker.domain.tags.fields import FIELDS, TOTALS
from worker.domain.tags.id3 import read_id3
from worker.domain.tags.id3_chapters import chapters_of_id3
from worker.domain.tags.id3_writing import id3_in_front
from worker.domain.tags.matroska_embedded import chapters_of_matroska
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.mp4 import NUMBERS, read_mp4
from worker.domain.tags.mp4_chapters import chapters_of_mp4
from worker.domain.tags.mp4_chapters_writing import texts_of, with_chapters
from worker.domain.tags.mp4_writing import with_items
from worker.domain.tags.reading import read_metadata
from worker.domain.tags.vorbis import chapters_of_comments, read_comments, with_comments
from worker.domain.tags.webm_writing import chapters_behind


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def _of_id3(tags: Tags) -> Tags:
    return read_id3(bytes_at(id3_in_front(bytes_at(b""), Metadata(tags))[0]), 0)


def _of_mp4(tags: Tags) -> Tags:
    index = with_items(_box(b"moov", _box(b"udta", _box(b"chpl", b"chapters"))), Metadata(tags))
    return read_mp4(bytes_at(index), len(index))


def _of_comments(tags: Tags) -> Tags:
    return read_comments(with_comments(bytes(8), Metadata(tags)))


Chapters = tuple[Chapter, ...]
_KINDS: dict[str, Callable[[Tags], Tags]] = {"id3": _of_id3, "mp4": _of_mp4, "vorbis": _of_comments}
# In one kind or the other, these hold numbers, one value or one of several forms.
_PLAIN = [
    field.name
    for field in FIELDS.values()
    if field.mp4 not in NUMBERS
    and not field.id3.startswith(("W", "UFID"))
    and field.name not in {*TOTALS, *TOTALS.values(), "GENRE", "COMMENT", "LYRICS", "DESCRIPTION"}
]
_values = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=3)
_names = st.sampled_from(_PLAIN) | st.text(string.ascii_letters + " _", min_size=1, max_size=20).map("x{}".format)
_numbers = st.integers(1, 99).map(lambda number: (str(number),))


@st.composite
def _tags(draw: st.DrawFn) -> Tags:
    collector = Collector()
    for name, values in draw(st.dictionaries(_names, _values, max_size=6)).items():
        collector.add(name, *values)
    numbers = draw(st.fixed_dictionaries({}, optional=dict.fromkeys([*TOTALS, *TOTALS.values(), "BPM"], _numbers)))
    return {**collector.tags, **numbers}


@pytest.mark.parametrize("kind", _KINDS)
@given(tags=_tags())
def test_what_is_written_is_read_back(kind: str, tags: Tags) -> None:
    assert _KINDS[kind](tags) == tags


_HEADS = (
    *(b"ID3\x03\0\0\0\0\x10\0", b"ID3\x04\0\x80\0\0\x01\0", b"ID3\x02\0\x80\0\0\x01\0", b"ID3\x03\0\x40\0\0\x01\0"),
    *(
        b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
        b"fLaC\x04\0\0\x40",
        b"OggS\0\x02",
        b"RIFF\0\0\0\0WAVELIST\x40\0\0\0INFO",
        b"\0\0\x01\0moov",
        b"",
    ),
)
_PARTS = st.sampled_from([
    *(b"TIT2\0\0\0\x05\0\0\x03", b"TXXX\0\0\0\x09\0\x08\x01", b"COMM\0\0\0\x08\0\x01\x02", b"TT2\0\0\x05\0", b"UFID"),
    *(b"\0\0\0\x60udta", b"\0\0\0\x50meta\0\0\0\0", b"\0\0\0\x40ilst", b"\0\0\0\x20----", b"\0\0\0\x18data\0\0\0\x01"),
    *(b"\0\0\0\x20trkn", b"APETAGEX\xd0\x07\0\0\x40\0\0\0\x02\0\0\0", b"TAG", b"\xff\xfe", b"\0" * 30),
    *(b"id3 \x10\0\0\0", b"APIC\0\0\0\x20\0\0\0image/png\0\x03\0", b"PIC\0\0\x09\0PNG\x03\0", b"\0\0\0\x28covr"),
    *(b"CHAP\0\0\0\x20\0\0a\0\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0\0", b"CHAPTER001=00:00:01.5", b"CHAPTER001NAME=\0\n"),
    *(b"\0\0\0\x30chpl\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x07\x03abc", b"\0\0\0\x60trak", b"\0\0\0\x20stts"),
    *(b"\x10\x43\xa7\x70\xa0\x45\xb9\x90", b"\xb6\x8c\x91\x81\x05", b"\x19\x41\xa4\x69\xa0\x61\xa7\x90"),
    *(b"\xff\xd8\xff\xe0", b"METADATA_BLOCK_PICTURE=", b"\x06\0\0\x20", b"Cover Art (Front)\0a.png\0"),
])  # fmt: skip


@given(
    head=st.sampled_from(_HEADS),
    parts=st.lists(_PARTS | st.binary(max_size=60), max_size=12),
    container=st.sampled_from(Container),
)
def test_any_bytes_have_tags_or_none(head: bytes, parts: list[bytes], container: Container) -> None:
    file = head + b"".join(parts)

    metadata = read_metadata(Sniffed(container, 0), bytes_at(file), len(file))

    assert metadata.cover is None or metadata.cover.content in file
    assert list(metadata.chapters) == sorted(metadata.chapters, key=lambda chapter: chapter.start_seconds)
    assert all("\n" not in chapter.title and "\0" not in chapter.title for chapter in metadata.chapters)
    for name, values in metadata.tags.items():
        assert name
        assert values
        assert all(value.strip() and value.encode() for value in values)


def _chapters_in_id3(chapters: Chapters) -> Iterable[Chapter]:
    return chapters_of_id3(bytes_at(id3_in_front(bytes_at(b""), Metadata(chapters=chapters))[0]), 0)


def _chapters_in_comments(chapters: Chapters) -> Iterable[Chapter]:
    return chapters_of_comments(with_comments(bytes(8), Metadata(chapters=chapters)))


def _chapters_in_mp4(chapters: Chapters) -> Iterable[Chapter]:
    index = with_chapters(_an_index(), chapters, 0)
    file = with_chapters(_an_index(), chapters, len(index)) + texts_of(chapters)
    return chapters_of_mp4(bytes_at(file), len(file))


def _an_index() -> bytes:
    header = _box(b"mvhd", bytes(12) + (1000).to_bytes(4, "big") + bytes(84))
    return _box(b"moov", header + _box(b"trak", _box(b"tkhd", bytes(12) + b"\0\0\0\x01" + bytes(68))))


@pytest.mark.parametrize(("texts_at", "table"), [(1 << 20, b"stco"), (1 << 32, b"co64")])
def test_the_chapters_of_an_mp4_may_lie_beyond_4_gib(texts_at: int, table: bytes) -> None:
    index = with_chapters(_an_index(), [Chapter(0.0, "one", 1.0)], texts_at)

    behind = index.partition(table)[2]
    assert int.from_bytes(behind[8 : 8 + (8 if table == b"co64" else 4)], "big") == texts_at + 8


def _chapters_in_webm(chapters: Chapters) -> Iterable[Chapter]:
    inside = b"\x11\x4d\x9b\x74\x80" + b"\xec\xbf" + bytes(63)
    file = bytearray(b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01" + len(inside).to_bytes(7, "big") + inside)
    for offset, content in chapters_behind(bytes_at(bytes(file)), len(file), chapters):
        file[offset : offset + len(content)] = content
    return chapters_of_matroska(bytes_at(bytes(file)), 0, len(file))


_WITH_CHAPTERS = {
    "id3": _chapters_in_id3,
    "comments": _chapters_in_comments,
    "mp4": _chapters_in_mp4,
    "webm": _chapters_in_webm,
}


@pytest.mark.parametrize("kind", _WITH_CHAPTERS)
@given(
    starts=st.lists(st.integers(0, 90_000_000), unique=True, max_size=30),
    titles=st.lists(st.text(max_size=20), min_size=30, max_size=30),
)
def test_chapters_are_read_back_as_they_are_written(kind: str, starts: list[int], titles: list[str]) -> None:
    found = in_order(Chapter(start / 1000, title) for start, title in zip(starts, titles, strict=False))
    chapters = chapters_within(found, 0.0, 100_000.0)

    read = in_order(_WITH_CHAPTERS[kind](chapters))

    assert [chapter.title for chapter in read] == [chapter.title for chapter in chapters]
    assert [chapter.start_seconds for chapter in read] == pytest.approx([each.start_seconds for each in chapters])


@given(st.lists(st.text(max_size=40), max_size=30), st.integers(0, 3))
def test_a_collector_keeps_to_its_limits(values: list[str], power: int) -> None:
    collector = Collector()
    for number, value in enumerate(values):
        collector.add(f"field {number % 7}", value * 10 ** (2 * power))

    lengths = [len(value.encode()) for values in collector.tags.values() for value in values]
    assert sum(lengths) <= MAX_BYTES
