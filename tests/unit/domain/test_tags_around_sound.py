"""Tags around the sound, in chunks and byte by byte: APE, ID3v1, RIFF, AIFF."""

from __future__ import annotations

import struct

import pytest

from tests.support.reading import bytes_at
from worker.domain.tags.around import chapters_around, pictures_around, read_around
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.collecting import Tags
from worker.domain.tags.edits import MAX_ARGUMENT_BYTES
from worker.domain.tags.id3_frames import frame, syncsafe
from worker.domain.tags.id3_writing import id3_tag
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.riff import id3_of_aiff, id3_of_riff, read_aiff, read_riff
from worker.domain.tags.riff_writing import id3_behind_aiff, id3_behind_wav

SOUND = b"\xf0" * 500


def id3(*frames: bytes) -> bytes:
    content = b"".join(frames)
    return b"ID3\x04\0\0" + syncsafe(len(content)) + content


def item(key: bytes, value: bytes, *, kind: int = 0) -> bytes:
    return struct.pack("<II", len(value), kind << 1) + key + b"\0" + value


def ape(*items: bytes, count: int | None = None, more: int = 0, header: bool = False) -> bytes:
    """Its size counts the items and the footer."""
    body = b"".join(items)
    read_only, number = 1, len(items) if count is None else count
    front = b"APETAGEX" + struct.pack("<4I8x", 2000, len(body) + 32, number, 0xA000_0000) if header else b""
    footer = struct.pack("<4I8x", 2000, len(body) + 32 + more, number, 0x8000_0000 * header | read_only)
    return front + body + b"APETAGEX" + footer


def around(file: bytes) -> Tags:
    return read_around(bytes_at(file), len(file))


def test_the_first_tag_that_has_a_field_counts() -> None:
    front = id3(frame(b"TIT2", b"\x03One")) + id3(frame(b"TIT2", b"\x03Two"), frame(b"TALB", b"\x03Two"))
    behind_id3 = ape(item(b"Album", b"Three"), item(b"Artist", b"Three"), header=True)
    behind = ape(item(b"Artist", b"Four"), item(b"Genre", b"Four"))

    tags = around(front + behind_id3 + SOUND + behind)

    assert tags == {"TITLE": ("One",), "ALBUM": ("Two",), "ARTIST": ("Three",), "GENRE": ("Four",)}


def test_each_tag_of_ape_ends_where_it_ends() -> None:
    front = id3(frame(b"PRIV", bytes(2000)))
    file = front + ape(item(b"Artist", b"One"), header=True) + SOUND + ape(item(b"Album", b"Two"))
    more = ape(item(b"Title", b"no"))

    assert read_around(bytes_at(file + more), len(file)) == {"ARTIST": ("One",), "ALBUM": ("Two",)}


def test_four_tags_of_id3_are_read() -> None:
    tags = [id3(frame(b"TXXX", b"\x03FIELD%d\0x" % number)) for number in range(5)]

    assert set(around(b"".join(tags) + SOUND)) == {"FIELD0", "FIELD1", "FIELD2", "FIELD3"}


@pytest.mark.parametrize(
    ("tag", "tags"),
    [
        (ape(item(b"Title", b"A\0B"), item(b"Mood", b"C")), {"TITLE": ("A", "B"), "MOOD": ("C",)}),
        (ape(item(b"Title", b"A"), item(b"Mood", b"C"), count=1), {"TITLE": ("A",)}),
        (ape(item(b"Title", b"A"), count=2), {"TITLE": ("A",)}),
        (ape(item(b"Title", b"A", kind=1), item(b"Mood", b"C", kind=2), item(b"Key", b"D", kind=3)), {}),
        (ape(item(b"Title", b"A", kind=4)), {"TITLE": ("A",)}),  # two bits are the kind
        (ape(item(b"Title", b"")), {}),
        (ape(item(b"Title", b"A"), more=1000), {}),  # it would begin before the file
        (ape(item(b"Title", b"A"))[:-1], {}),
        (ape(item(b"", b"ab"), item(b"Title", b"A")), {"TITLE": ("A",)}),
        (ape(item(b"Title", b"A"), struct.pack("<II", 2, 0) + b"Mood\0C"), {"TITLE": ("A",)}),
        (ape(item(b"Title", b"A"), struct.pack("<II", 0, 0) + b"Mood"), {"TITLE": ("A",)}),
        (ape(item(b"Title", b"A"), bytes(7)), {"TITLE": ("A",)}),
        (ape(*[item(b"x", b"")] * 999, item(b"Title", b"A")), {"TITLE": ("A",)}),
        (ape(*[item(b"x", b"")] * 1000, item(b"Title", b"A")), {}),
    ],
)
def test_ape_has_items_of_a_length_a_kind_and_a_key(tag: bytes, tags: Tags) -> None:
    assert around(SOUND + tag) == tags


def test_an_ape_tag_in_front_is_read_by_its_footer_which_is_whole_and_right() -> None:
    one = item(b"Title", b"A")

    assert around(ape(one, header=True) + SOUND) == {"TITLE": ("A",)}
    assert around(ape(one, header=True)[:-1]) == {}
    # With a size that leads to a place in front of the file, which counts from its end.
    assert around(ape(one, header=True, more=len(one) + 64) + SOUND) == {}


def test_an_ape_tag_may_be_all_of_a_file() -> None:
    assert around(ape(item(b"Title", b"A"))) == {"TITLE": ("A",)}
    assert around(ape(item(b"Title", b"A"), header=True)) == {"TITLE": ("A",)}


def test_pictures_of_ape_are_binary_items_with_a_name_in_front() -> None:
    front = id3(frame(b"APIC", b"\0image/png\0\x04\0one"))
    tag = ape(
        item(b"Cover Art (Front)", b"name.png\0two", kind=1),
        item(b"COVER ART (BACK)", b"name.png\0three", kind=1),
        item(b"Cover Art (Front)", b"name.png\0no", kind=0),
        item(b"Cover", b"name.png\0no", kind=1),
    )
    file = front + SOUND + tag

    assert list(pictures_around(bytes_at(file), len(file))) == [(4, b"one"), (3, b"two"), (0, b"three")]


def test_chapters_are_those_of_all_tags_in_front() -> None:
    tags = [id3(frame(b"CHAP", b"a\0" + struct.pack(">4I", begin, begin, 0, 0))) for begin in (1000, 2000)]

    assert list(chapters_around(bytes_at(b"".join(tags) + SOUND))) == [Chapter(1.0, "", 1.0), Chapter(2.0, "", 2.0)]


def id3v1(comment: bytes, genre: int) -> bytes:
    parts = (b"T" * 30, b"R" * 30, b"L" * 30)
    return b"TAG" + b"".join(parts) + b"1999" + comment + bytes([genre])


@pytest.mark.parametrize(
    ("comment", "genre", "tags"),
    [
        (b"c" * 30, 191, {"COMMENT": ("c" * 30,), "GENRE": ("Psybient",)}),
        (b"c" * 30, 192, {"COMMENT": ("c" * 30,)}),
        (b"c" * 28 + b"\0\x01", 255, {"COMMENT": ("c" * 28,), "TRACKNUMBER": ("1",)}),
        (b"c" * 28 + b"\x01\x01", 255, {"COMMENT": ("c" * 28 + "\x01\x01",)}),
        (b"\xe9".ljust(28, b"\0") + b"\0\0", 255, {"COMMENT": ("é",)}),
    ],
)
def test_id3v1_has_fields_of_fixed_lengths(comment: bytes, genre: int, tags: Tags) -> None:
    fixed = {"TITLE": ("T" * 30,), "ARTIST": ("R" * 30,), "ALBUM": ("L" * 30,), "DATE": ("1999",)}

    assert around(SOUND + id3v1(comment, genre)) == {**fixed, **tags}
    assert around(id3v1(comment, genre)) == {**fixed, **tags}
    assert around(id3v1(comment, genre)[:-1]) == {}


def chunk(name: bytes, content: bytes, order: str = "<") -> bytes:
    return name + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) % 2)


INFO = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"Ab") + chunk(b"IART", b"Caf\xe9\0"))


def test_the_first_list_and_the_first_tag_of_a_wav_count() -> None:
    other = chunk(b"LIST", b"INFO" + chunk(b"IGNR", b"no"))
    tags = [chunk(b"ID3 ", id3(frame(each, b"\x03B"))) for each in (b"TALB", b"TMOO")]
    file = b"junkRIFF\0\0\0\0WAVE" + chunk(b"data", bytes(3)) + INFO + other + b"".join(tags)

    assert read_riff(bytes_at(file), 4, len(file)) == {"ALBUM": ("B",), "TITLE": ("Ab",), "ARTIST": ("Café",)}
    assert id3_of_riff(bytes_at(file), 4, len(file)) == file.index(b"ID3\x04")
    assert id3_of_riff(bytes_at(file[:90]), 4, 90) is None


def test_the_first_tag_of_an_aiff_counts_and_all_of_its_texts() -> None:
    tags = [chunk(b"ID3 ", id3(frame(each, b"\x03B")), ">") for each in (b"TALB", b"TMOO")]
    texts = chunk(b"NAME", b"A", ">") + chunk(b"ANNO", b"one", ">") + chunk(b"ANNO", b"two", ">")
    file = b"junkFORM\0\0\0\0AIFF" + texts + b"".join(tags)

    assert read_aiff(bytes_at(file), 4, len(file)) == {"ALBUM": ("B",), "TITLE": ("A",), "COMMENT": ("one", "two")}
    assert id3_of_aiff(bytes_at(file), 4, len(file)) == file.index(b"ID3\x04")


def test_a_thousand_chunks_are_looked_at() -> None:
    for others, tags in ((999, {"TITLE": ("Ab",), "ARTIST": ("Café",)}), (1000, {})):
        file = b"RIFF\0\0\0\0WAVE" + chunk(b"x   ", b"") * others + INFO
        assert read_riff(bytes_at(file), 0, len(file)) == tags
        info = b"INFO" + chunk(b"IXXX", b"x") * others + chunk(b"INAM", b"A")
        file = b"RIFF\0\0\0\0WAVE" + chunk(b"LIST", info)
        assert bool(read_riff(bytes_at(file), 0, len(file))) is bool(tags)


def test_chunks_begin_before_the_end_of_the_file() -> None:
    file = b"RIFF\0\0\0\0WAVE" + INFO

    assert read_riff(bytes_at(file), 0, 12) == {}
    assert read_riff(bytes_at(file), 0, 13) != {}


def written(changes: dict[int, bytes], file: bytes) -> bytes:
    content = bytearray(file)
    for offset, each in changes.items():
        content[offset : offset + len(each)] = each
    return bytes(content)


PLENTY = Metadata({"TITLE": ("T",), "MOOD": ("Blue",)})  # a mood has no place in INFO


@pytest.mark.parametrize("length", [0, 1])
def test_a_wav_gets_a_chunk_of_id3_behind_all_others_and_its_size(length: int) -> None:
    for metadata in (PLENTY, Metadata({"TITLE": ("ab",), "MOOD": ("Blue",)})):
        tag = id3_tag(metadata)
        file = b"RIFF\0\0\0\0WAVE" + bytes(length)

        found = written(dict(id3_behind_wav(bytes_at(file), len(file), metadata)), file)

        behind = bytes(length) + b"id3 " + struct.pack("<I", len(tag)) + tag + bytes(len(tag) % 2)
        assert found == b"RIFF" + struct.pack("<I", len(found) - 8) + b"WAVE" + bytes(length) + behind


def test_a_wide_wav_states_its_size_in_eight_bytes() -> None:
    file = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0" + bytes(28)

    found = written(dict(id3_behind_wav(bytes_at(file), len(file), PLENTY)), file)

    assert found[:20] == file[:20]
    assert found[20:28] == struct.pack("<Q", len(found) - 8)


def changes_of(magic: bytes, size: int) -> list[tuple[int, bytes]]:
    return list(id3_behind_wav(bytes_at(magic), size, PLENTY))


def test_a_wav_grows_no_longer_than_its_size_can_say() -> None:
    length = 8 + len(id3_tag(PLENTY)) + len(id3_tag(PLENTY)) % 2
    largest = 2**32 - 2 + 8 - length

    assert changes_of(b"RIFF", largest)[0] == (4, struct.pack("<I", 2**32 - 2))
    assert changes_of(b"RIFF", largest + 2) == []
    assert changes_of(b"RF64", largest + 2)[0] == (20, struct.pack("<Q", 2**32))


@pytest.mark.parametrize("length", [0, 1])
def test_an_aiff_gets_a_chunk_of_id3_and_its_size(length: int) -> None:
    tag = id3_tag(PLENTY)
    file = b"FORM\0\0\0\0AIFF" + bytes(length)

    found = written(dict(id3_behind_aiff(len(file), PLENTY)), file)

    behind = bytes(length) + b"ID3 " + struct.pack(">I", len(tag)) + tag + bytes(len(tag) % 2)
    assert found == b"FORM" + struct.pack(">I", len(found) - 8) + b"AIFF" + bytes(length) + behind
    assert list(id3_behind_aiff(len(file), Metadata())) == []
    most = 2**32 - 1 - len(behind) + length
    assert [len(list(id3_behind_aiff(most + each, PLENTY))) for each in (-2, 2)] == [2, 0]


@pytest.mark.parametrize(
    ("metadata", "is_written"),
    [
        (Metadata({"TITLE": ("A",), "ARTIST": ("B",)}), False),
        (Metadata(), False),
        (Metadata({"TITLE": ("A", "B")}), True),
        (Metadata({"TITLE": ("A",), "MOOD": ("B",)}), True),
        (Metadata({"TITLE": ("é" * (MAX_ARGUMENT_BYTES // 4),), "ARTIST": ("é" * (MAX_ARGUMENT_BYTES // 4),)}), False),
        (Metadata({"TITLE": ("é" * (MAX_ARGUMENT_BYTES // 2) + "x",)}), True),
        (Metadata(chapters=(Chapter(0.0, "", 1.0),)), True),
    ],
)
def test_a_wav_whose_info_has_all_gets_no_tag(metadata: Metadata, *, is_written: bool) -> None:
    file = b"RIFF\0\0\0\0WAVE"

    assert bool(list(id3_behind_wav(bytes_at(file), len(file), metadata))) is is_written
