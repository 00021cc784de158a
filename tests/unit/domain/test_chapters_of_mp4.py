"""Chapters of MP4 box by box: those of a track of texts, and of Nero's list; read, and written."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from tests.support.reading import bytes_at
from worker.domain.tags.chapters import MAX_TITLE_BYTES, Chapter
from worker.domain.tags.mp4_chapters import chapters_of_mp4
from worker.domain.tags.mp4_writing import box

IN_FRONT = b"one\0two_three"  # media in front of the index


def nero(titles: Sequence[bytes], *, version: int = 1, count: int | None = None) -> bytes:
    head = bytes([version]) + b"\xee" * (3 + 4 * version) + bytes([len(titles) if count is None else count])
    entries = (struct.pack(">QB", 10_000_000 * at, len(title)) + title for at, title in enumerate(titles))
    return box(b"chpl", head + b"".join(entries))


def moov(*children: bytes, user_data: bytes = b"") -> bytes:
    return box(b"moov", b"".join(children) + box(b"udta", user_data))


def read(file: bytes) -> list[Chapter]:
    return chapters_of_mp4(bytes_at(file), len(file))


def titles(file: bytes) -> list[str]:
    return [chapter.title for chapter in read(file)]


@pytest.mark.parametrize("version", [0, 1])
def test_nero_has_a_time_and_a_title_for_each_chapter(version: int) -> None:
    file = moov(user_data=nero([b"One", b"", "Ü".encode()], version=version))

    assert read(file) == [Chapter(0.0, "One"), Chapter(1.0, ""), Chapter(2.0, "Ü")]


def test_255_chapters_of_nero_may_have_the_longest_titles() -> None:
    names = [b"%03d" % number + b"x" * 252 for number in range(255)]

    assert titles(moov(user_data=nero(names))) == [name.decode() for name in names]


@pytest.mark.parametrize("version", [0, 1])
def test_a_list_of_nero_that_is_cut_has_the_chapters_that_are_whole(version: int) -> None:
    file = nero([b"One", b"Two"], version=version)
    for missing, left in ((0, ["One", "Two"]), (3, ["One", ""]), (4, ["One"]), (12, ["One"]), (24, []), (25, [])):
        assert titles(moov(user_data=box(b"chpl", file[8 : len(file) - missing]) + box(b"free", bytes(99)))) == left
    assert titles(moov(user_data=nero([b"One"], version=version, count=0))) == []
    assert titles(moov(user_data=nero([b"One"], version=version, count=2))) == ["One"]


def test_the_first_list_of_nero_counts() -> None:
    assert titles(moov(user_data=nero([b"One"]) + nero([b"Two"]))) == ["One"]


def test_a_file_without_an_index_has_no_chapters() -> None:
    assert read(b"") == []
    assert read(box(b"free", nero([b"One"]))) == []


def timed(version: int, value: int) -> bytes:
    """The fields in front of a track's number or a scale, and that."""
    return bytes([version]) + b"\xee" * (19 if version else 11) + struct.pack(">I", value) + b"\xee" * 20


def table(kind: bytes, form: str, *rows: tuple[int, ...], version: int = 0) -> bytes:
    head = bytes([version]) + bytes(3) + struct.pack(">I", len(rows))
    return box(kind, head + b"".join(struct.pack(form, *row) for row in rows))


def sizes(*each: int, same: int = 0) -> bytes:
    return box(b"stsz", struct.pack(">III", 0, same, len(each)) + struct.pack(f">{len(each)}I", *each))


def text_track(
    *tables: bytes, number: int = 2, version: int = 0, kind: bytes = b"text", scale: int = 1000, edits: bytes = b""
) -> bytes:
    handler = box(b"hdlr", b"\xee" * 8 + kind + bytes(13))
    media = box(b"mdhd", timed(version, scale)) + handler + box(b"minf", box(b"stbl", b"".join(tables)))
    return box(
        b"trak", box(b"tkhd", timed(version, number)) + (box(b"edts", edits) if edits else b"") + box(b"mdia", media)
    )


def sound_track(*names: int) -> bytes:
    reference = box(b"tref", box(b"chap", struct.pack(">I", names[0]))) if names else b""
    return box(b"trak", box(b"tkhd", timed(0, 1)) + reference + box(b"mdia", box(b"hdlr", bytes(8) + b"soun")))


def sample(title: bytes) -> bytes:
    return len(title).to_bytes(2, "big") + title


def a_file(
    samples: Sequence[bytes],
    *,
    number: int = 2,
    version: int = 0,
    kind: bytes = b"text",
    scale: int = 1000,
    edits: bytes = b"",
    movie: bytes = b"",
) -> bytes:
    """One second a chapter, whose texts lie in one chunk at the front."""
    media = box(b"mdat", b"".join(samples))
    track = text_track(
        table(b"stts", ">II", (len(samples), scale)),
        sizes(*map(len, samples)),
        table(b"stsc", ">III", (1, len(samples), 1)),
        table(b"stco", ">I", (8,)),
        number=number,
        version=version,
        kind=kind,
        scale=scale,
        edits=edits,
    )
    return media + moov(movie, sound_track(2), track)


ONE_AND_TWO = [sample(b"One"), sample(b"Two")]


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("kind", [b"text", b"sbtl"])
def test_a_track_of_texts_that_the_sound_names_has_the_chapters(version: int, kind: bytes) -> None:
    assert read(a_file(ONE_AND_TWO, version=version, kind=kind)) == [Chapter(0.0, "One"), Chapter(1.0, "Two")]


def test_other_tracks_have_no_chapters() -> None:
    assert read(a_file(ONE_AND_TWO, number=3)) == []
    assert read(a_file(ONE_AND_TWO, kind=b"vide")) == []
    assert read(a_file(ONE_AND_TWO, scale=0)) == []
    assert read(a_file(ONE_AND_TWO).replace(b"chap", b"hint")) == []
    assert read(a_file(ONE_AND_TWO).replace(b"stbl", b"free")) == []
    assert read(a_file(ONE_AND_TWO).replace(b"mdhd", b"free")) == []


def test_the_first_of_two_such_tracks_counts() -> None:
    parts = (table(b"stts", ">II", (1, 1)), sizes(5), table(b"stsc", ">III", (1, 1, 1)))
    tracks = (text_track(*parts, table(b"stco", ">I", (at,))) for at in (8, 13))
    file = box(b"mdat", sample(b"One") + sample(b"Two")) + moov(sound_track(2), *tracks)

    assert titles(file) == ["One"]


def test_of_a_track_and_a_list_the_one_with_more_chapters_counts() -> None:
    file = a_file(ONE_AND_TWO)

    for count, first in ((1, "One"), (2, "One"), (3, "A")):
        listed = nero([b"A", b"B", b"C"][:count])
        with_list = file[: file.index(b"moov") - 4] + moov(file[file.index(b"moov") + 4 :], user_data=listed)
        assert titles(with_list)[0] == first


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Ü".encode(), "Ü"),
        ("Ü".encode("utf-16"), "Ü"),
        (b"\xfe\xff" + "Ü".encode("utf-16-be"), "Ü"),
        (b"", ""),
        (b"x" * MAX_TITLE_BYTES, "x" * MAX_TITLE_BYTES),
        (b"x" * (MAX_TITLE_BYTES + 9), "x" * MAX_TITLE_BYTES),
        (b"x" * 300, "x" * 300),
    ],
)
def test_a_text_has_its_length_in_front_and_perhaps_a_byte_order_mark(title: bytes, text: str) -> None:
    assert titles(a_file([sample(title) + b"more", sample(b"Two")])) == [text, "Two"]


@pytest.mark.parametrize(
    ("edits", "form", "version", "late"),
    [
        ([(500, -1, 1), (1000, 0, 1)], ">Iii", 0, 0.5),
        ([(500, -1, 1)], ">Qqi", 1, 0.5),
        ([(500, 0, 1)], ">Iii", 0, 0.0),
        ([(500, 1, 1)], ">Iii", 0, 0.0),
        ([], ">Iii", 0, 0.0),
    ],
)
@pytest.mark.parametrize("movie", [0, 1])
def test_an_edit_that_shows_nothing_lets_the_chapters_begin_later(
    edits: list[tuple[int, ...]], form: str, version: int, late: float, movie: int
) -> None:
    shown = table(b"elst", form, *edits, version=version)

    found = read(a_file(ONE_AND_TWO, edits=shown, movie=box(b"mvhd", timed(movie, 1000))))

    assert [chapter.start_seconds for chapter in found] == [late, late + 1.0]
    assert read(a_file(ONE_AND_TWO, edits=shown))[0].start_seconds == 0.0  # the movie has no scale


def test_lengths_stand_in_rows_of_a_count_and_a_length() -> None:
    rows = ((1, 500), (2, 1000), (1, 1))
    track = text_track(
        table(b"stts", ">II", *rows), sizes(*[2] * 4), table(b"stsc", ">III", (1, 4, 1)), table(b"stco", ">I", (8,))
    )
    file = box(b"mdat", bytes(8)) + moov(sound_track(2), track)

    assert [chapter.start_seconds for chapter in read(file)] == [0.0, 0.5, 1.5, 2.5]


@pytest.mark.parametrize(
    ("chunks", "offsets", "each_size", "found"),
    [
        ([(1, 3, 1)], [table(b"stco", ">I", (8,))], sizes(3, 4, 5), ["a", "bb", "ccc"]),
        ([(1, 1, 1)], [table(b"stco", ">I", (8,), (11,), (15,))], sizes(3, 4, 5), ["a", "bb", "ccc"]),
        ([(1, 1, 1), (2, 2, 1)], [table(b"stco", ">I", (15,), (8,))], sizes(5, 3, 4), ["ccc", "a", "bb"]),
        (
            [(1, 1, 1), (3, 2, 1)],
            [table(b"stco", ">I", (8,), (15,), (8,))],
            sizes(3, 5, 3, 4),
            ["a", "ccc", "a", "bb"],
        ),
        ([(2, 1, 1)], [table(b"stco", ">I", (8,), (15,))], sizes(5), ["ccc"]),
        ([(1, 1, 1)], [table(b"co64", ">Q", (15,), (8,))], sizes(5, 3), ["ccc", "a"]),
        ([(1, 2, 1)], [table(b"stco", ">I", (8,))], sizes(same=3), ["a", "b"]),
        ([(1, 1, 1)], [table(b"stco", ">I", (8,))], sizes(same=1 << 24), ["a"]),
        ([(1, 9, 1)], [table(b"stco", ">I", (8,))], sizes(3), ["a"]),
        ([], [table(b"stco", ">I", (8,))], sizes(3), []),
    ],
)
def test_texts_lie_in_chunks(
    chunks: list[tuple[int, ...]], offsets: list[bytes], each_size: bytes, found: list[str]
) -> None:
    track = text_track(table(b"stts", ">II", (9, 1)), each_size, table(b"stsc", ">III", *chunks), *offsets)
    file = box(b"mdat", sample(b"a") + sample(b"bb") + sample(b"ccc")) + moov(sound_track(2), track)

    assert titles(file) == found


def test_a_table_that_is_cut_has_the_rows_that_are_whole() -> None:
    offsets = table(b"stco", ">I", (8,), (8,), (8,))
    for missing, left in ((0, 3), (1, 2), (4, 2), (5, 1), (8, 1), (9, 0), (12, 0), (16, 0), (20, 0)):
        cut = box(b"stco", offsets[8 : len(offsets) - missing])
        track = text_track(table(b"stts", ">II", (9, 1)), sizes(5, 5, 5), table(b"stsc", ">III", (1, 1, 1)), cut)
        file = box(b"mdat", sample(b"One")) + moov(sound_track(2), track)
        assert len(read(file)) == left


@pytest.mark.parametrize(("stated", "left"), [(0, 0), (1, 1), (3, 3), (4, 3), (1 << 24, 3)])
def test_a_table_has_the_rows_that_it_states_as_far_as_they_are_there(stated: int, left: int) -> None:
    offsets = box(b"stco", bytes(4) + struct.pack(">4I", stated, 8, 8, 8))
    track = text_track(table(b"stts", ">II", (9, 1)), sizes(5, 5, 5), table(b"stsc", ">III", (1, 1, 1)), offsets)
    file = box(b"mdat", sample(b"One")) + moov(sound_track(2), track)

    assert len(read(file)) == left
