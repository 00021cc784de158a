"""Chapters, pictures and tags of Matroska by the numbers of their elements (RFC 9559), and what is read of them."""

from __future__ import annotations

import pytest

from tests.support.reading import bytes_at
from worker.domain.containers.ebml import DamagedError
from worker.domain.tags.chapters import MAX_TITLE_BYTES, Chapter
from worker.domain.tags.collecting import Tags
from worker.domain.tags.matroska import read_matroska
from worker.domain.tags.matroska_embedded import BoundedReader, chapters_of_matroska, in_segment, pictures_of_matroska
from worker.domain.tags.pictures import MAX_PICTURE_BYTES

SECOND = 1_000_000_000


def element(identifier: int, *content: bytes) -> bytes:
    body = b"".join(content)
    return identifier.to_bytes(identifier.bit_length() // 7, "big") + (len(body) | 1 << 56).to_bytes(8, "big") + body


def number(identifier: int, value: int) -> bytes:
    return element(identifier, value.to_bytes(8, "big"))


def a_file(*elements: bytes) -> bytes:
    """It does not begin at the front."""
    return b"junk" + element(0x1A45DFA3) + element(0x18538067, *elements)


def atom(begin: int | None, title: bytes = b"", end: int | None = None, *, is_hidden: int | None = None) -> bytes:
    parts = [] if begin is None else [number(0x91, begin)]
    parts += [] if end is None else [number(0x92, end)]
    parts += [] if is_hidden is None else [number(0x98, is_hidden)]
    return element(0xB6, *parts, element(0x80, element(0x85, title), element(0x437C, b"und")))


def edition(*atoms: bytes, is_ordered: int | None = None) -> bytes:
    return element(0x45B9, *([] if is_ordered is None else [number(0x45DD, is_ordered)]), *atoms)


def chapters(*elements: bytes) -> list[Chapter]:
    file = a_file(*elements)
    return list(chapters_of_matroska(bytes_at(file), 4, len(file)))


@pytest.mark.parametrize(
    ("editions", "found"),
    [
        (
            [edition(atom(0, b"A", SECOND), atom(3 * SECOND // 2, "Ä".encode()))],
            [Chapter(0, "A", 1), Chapter(1.5, "Ä")],
        ),
        ([edition(atom(None, b"A\0\0"))], [Chapter(0.0, "A")]),
        ([edition(atom(SECOND, b"no"), is_ordered=1), edition(atom(SECOND, b"yes"))], [Chapter(1.0, "yes")]),
        ([edition(atom(SECOND, b"one"), is_ordered=0), edition(atom(SECOND, b"two"))], [Chapter(1.0, "one")]),
        ([edition(atom(0, b"no", is_hidden=1), atom(SECOND, b"yes", is_hidden=0))], [Chapter(1.0, "yes")]),
        ([edition(atom(0, b"x" * MAX_TITLE_BYTES))], [Chapter(0.0, "x" * MAX_TITLE_BYTES)]),
        ([edition(atom(0, b"x" * (MAX_TITLE_BYTES + 1)))], [Chapter(0.0, "")]),
        ([edition(element(0xB6, number(0x73C4, 7)))], [Chapter(0.0, "")]),
        ([edition(atom(0, b"A"), element(0xB6, b"\x91"))], [Chapter(0.0, "A")]),
        ([element(0x45B8, atom(0, b"A"))], []),
    ],
)
def test_the_chapters_are_those_of_the_first_edition_that_is_played_in_order(
    editions: list[bytes], found: list[Chapter]
) -> None:
    assert chapters(element(0x1F43B675, b"a cluster"), element(0x1043A770, *editions)) == found


def attached(name: bytes, *contents: bytes) -> bytes:
    return element(0x61A7, element(0x466E, name), *(element(0x465C, content) for content in contents))


def pictures(*elements: bytes) -> list[tuple[int, bytes]]:
    file = a_file(*elements)
    return list(pictures_of_matroska(bytes_at(file), 4, len(file)))


def test_the_cover_is_an_attached_file_of_that_name() -> None:
    files = (attached(b"small.png", b"one"), attached(b"Cover.PNG", b"two", b"three"), attached(b"cover", b"four"))

    found = [(0, b"one"), (3, b"two"), (3, b"three"), (0, b"four")]
    assert pictures(element(0x1941A469, *files)) == found
    assert pictures(element(0x1941A469, attached(b"cover." + b"x" * 994, b"one"))) == [(3, b"one")]
    assert pictures(element(0x1941A469, attached(b"cover." + b"x" * 995, b"one"))) == [(0, b"one")]
    assert pictures(element(0x1941A469, element(0x61A7, element(0x465C, b"one")))) == [(0, b"one")]


def test_pictures_are_read_up_to_the_largest() -> None:
    largest = bytes(MAX_PICTURE_BYTES)

    assert pictures(element(0x1941A469, attached(b"a", largest), attached(b"b", largest + b"x"))) == [
        *((0, largest), (0, b""))
    ]


def test_elements_follow_each_other_by_their_sizes_up_to_the_end_of_the_file() -> None:
    file = a_file(element(0x1043A770, b"one"), element(0x1F43B675, b"x"), element(0x1043A770, b"two"))
    reader = bytes_at(file)

    found = [(file[each.body : each.end or 0]) for each in in_segment(reader, 4, len(file), 0x1043A770)]
    assert found == [b"one", b"two"]
    assert [each.begin for each in in_segment(reader, 4, len(file) - 1, 0x1043A770)] == [4 + 12 + 12]
    assert list(in_segment(reader, 4, 4 + 12 + 12, 0x1043A770)) == []
    both = [each.identifier for each in in_segment(reader, 4, len(file), 0x1043A770, 0x1F43B675)]
    assert both == [0x1043A770, 0x1F43B675, 0x1043A770]
    unknown = file[:28] + b"\x10\x43\xa7\x70\xff" + bytes(99)
    assert list(in_segment(bytes_at(unknown), 4, len(unknown), 0x1043A770)) == []


def test_a_reader_gives_so_many_bytes_and_answers_so_many_times() -> None:
    data = bytes(300_000)
    reader = BoundedReader(bytes_at(data), 100)
    assert [len(reader.at(offset, size)) for offset, size in ((0, 60), (60, 39), (99, 1))] == [60, 39, 1]
    with pytest.raises(DamagedError):
        reader.at(0, 1)

    reader = BoundedReader(bytes_at(data), 1 << 30)
    for offset in range(200_000):
        reader.at(offset, 1)
    with pytest.raises(DamagedError):
        reader.at(0, 1)


def simple(name: bytes, value: bytes) -> bytes:
    return element(0x67C8, element(0x45A3, name), element(0x4487, value))


def tags(*elements: bytes, titles: tuple[bytes, ...] = ()) -> Tags:
    info = element(0x1549A966, *(element(0x7BA9, title) for title in titles))
    file = a_file(info, element(0x1254C367, *elements))
    return read_matroska(bytes_at(file), 4, len(file))


@pytest.mark.parametrize("part", [0x63C5, 0x63C9, 0x63C4, 0x63C6])
def test_tags_of_a_part_are_not_those_of_the_file(part: int) -> None:
    of_part = element(0x7373, element(0x63C0, number(part, 1)), simple(b"TITLE", b"no"))
    of_file = element(0x7373, element(0x63C0, number(part, 0)), simple(b"MOOD", b"yes"))

    assert tags(of_part, of_file) == {"MOOD": ("yes",)}


@pytest.mark.parametrize(
    ("levels", "names"), [((50, 30), {"ALBUM", "MOOD"}), ((50, 50), {"TITLE", "MOOD"}), ((30, 50), {"TITLE", "MOOD"})]
)
def test_a_level_says_whether_a_tag_is_of_the_album(levels: tuple[int, int], names: set[str]) -> None:
    title, mood = (element(0x63C0, number(0x68CA, level)) for level in levels)

    found = tags(element(0x7373, title, simple(b"TITLE", b"A")), element(0x7373, mood, simple(b"MOOD", b"B")))

    assert set(found) == names


def test_a_tag_without_targets_is_of_the_file_and_the_first_title_counts() -> None:
    assert tags(element(0x7373, simple(b"MOOD", b"A\0")), titles=(b"one", b"two")) == {
        "MOOD": ("A",),
        "TITLE": ("one",),
    }
    assert tags(element(0x7373, element(0x63C0), simple(b"MOOD", b"A"))) == {"MOOD": ("A",)}


def test_names_have_400_bytes_and_values_256_kib() -> None:
    assert tags(element(0x7373, simple(b"MOOD" + b" " * 396, b"A"))) == {"MOOD": ("A",)}
    assert tags(element(0x7373, simple(b"MOOD" + b" " * 397, b"A"))) == {}
    assert tags(element(0x7373, simple(b"MOOD", b"A" * (1 << 18)))) == {"MOOD": ("A" * (1 << 18),)}
    assert tags(element(0x7373, simple(b"MOOD", b"A" * (1 << 18) + b"\0"))) == {}
