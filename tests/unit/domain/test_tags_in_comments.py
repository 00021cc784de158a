"""Vorbis comments byte by byte, and where they stand in FLAC: tags, pictures and chapters."""

from __future__ import annotations

import base64

import pytest

from tests.support.comments import ENCODED, PNG, block
from tests.support.reading import bytes_at
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.flac import chapters_of_flac, flac_in_front, pictures_of_flac, read_flac
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import MAX_PICTURE_BYTES, Picture, as_block
from worker.domain.tags.vorbis import (
    chapters_of_comments,
    pictures_of_comments,
    read_comments,
    with_comments,
    with_picture,
)

MASK = b"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x3"


@pytest.mark.parametrize(
    ("content", "tags"),
    [
        (block(b"title=A=B", b"no value", b"=x", b"ARTIST=\xc3\x96"), {"TITLE": ("A=B",), "ARTIST": ("Ö",)}),
        (block(b"TITLE=A", count=0), {}),
        (block(b"TITLE=A", b"ARTIST=B", count=1), {"TITLE": ("A",)}),
        (block(b"TITLE=A", count=2), {"TITLE": ("A",)}),
        (block(b"TITLE=A", b"ARTIST=Bee")[:-1], {"TITLE": ("A",)}),
        (block(b"TITLE=A") + b"more", {"TITLE": ("A",)}),
        (block(*[b"x="] * 1999, b"TITLE=A"), {"TITLE": ("A",)}),
        (block(*[b"x="] * 2000, b"TITLE=A"), {}),
        (block(b"DESCRIPTION=A"), {"COMMENT": ("A",)}),
        (block(b"DESCRIPTION=A", b"COMMENT=B"), {"DESCRIPTION": ("A",), "COMMENT": ("B",)}),
        (b"", {}),
    ],
)
def test_comments_are_names_and_values_as_many_as_are_counted_and_there(
    content: bytes, tags: dict[str, tuple[str, ...]]
) -> None:
    assert read_comments(content) == tags


@pytest.mark.parametrize(
    ("comment", "pictures"),
    [
        (b"METADATA_BLOCK_PICTURE=" + ENCODED, [(3, PNG.content)]),
        (b"metadata_block_picture=" + ENCODED, [(3, PNG.content)]),
        (b"METADATA_BLOCK_PICTURE=" + ENCODED[:-1], []),  # no proper base64
        (b"COVERART=" + ENCODED, []),
    ],
)
def test_a_picture_is_a_comment_in_base64(comment: bytes, pictures: list[tuple[int, bytes]]) -> None:
    assert list(pictures_of_comments(block(comment, b"TITLE=A"))) == pictures


def test_a_picture_may_have_5_mib_and_64_kib_beside_it_before_it_is_encoded() -> None:
    largest = as_block(Picture(bytes(MAX_PICTURE_BYTES + 65_536 - 41), "image/png"))

    for content, count in ((largest, 1), (largest + bytes(9), 0)):
        comment = b"METADATA_BLOCK_PICTURE=" + base64.b64encode(content)
        assert len(list(pictures_of_comments(block(comment)))) == count


@pytest.mark.parametrize(
    ("comments", "chapters"),
    [
        ([b"CHAPTER001=01:02:03.5", b"CHAPTER001NAME=One"], [Chapter(3723.5, "One")]),
        ([b"chapter01name=One", b"chapter01=00:00:07"], [Chapter(7.0, "One")]),
        ([b"CHAPTER002=00:00:02", b"CHAPTER001=00:00:01"], [Chapter(2.0), Chapter(1.0)]),
        ([b"CHAPTER001=00:00:01", b"CHAPTER001=00:00:02"], [Chapter(1.0)]),
        ([b"CHAPTER001=00:00:01", b"CHAPTER001NAME=A", b"CHAPTER001NAME=B"], [Chapter(1.0, "A")]),
        ([b"CHAPTER001= 00:00:01 "], [Chapter(1.0)]),
        ([b"CHAPTER1=00:00:01", b"CHAPTER0001=00:00:01", b"CHAPTER001=1", b"CHAPTER001URL=x"], []),
    ],
)
def test_chapters_are_comments_with_numbers(comments: list[bytes], chapters: list[Chapter]) -> None:
    assert list(chapters_of_comments(block(*comments))) == chapters


def test_comments_of_an_output_have_its_vendor_and_what_says_which_channel_is_which() -> None:
    metadata = Metadata({"TITLE": ("A", "B"), "Na=m~é": ("C",)}, None, (Chapter(3723.004, "One"), Chapter(36_000.0)))

    assert with_comments(block(b"TITLE=old", MASK, b"encoder=x"), metadata) == block(
        *(b"TITLE=A", b"TITLE=B", b"Na_m__=C", b"CHAPTER001=01:02:03.004", b"CHAPTER001NAME=One"),
        *(b"CHAPTER002=10:00:00.000", MASK),
    )


def test_a_picture_is_one_comment_more() -> None:
    assert with_picture(block(b"TITLE=A"), PNG) == block(b"TITLE=A", b"METADATA_BLOCK_PICTURE=" + ENCODED)
    assert with_picture(block(), PNG) == block(b"METADATA_BLOCK_PICTURE=" + ENCODED)


def of_flac(*blocks: tuple[int, bytes]) -> bytes:
    last = len(blocks)
    parts = (
        bytes([kind | 0x80 * (number == last)]) + len(content).to_bytes(3, "big") + content
        for number, (kind, content) in enumerate(blocks, 1)
    )
    return b"fLaC" + b"".join(parts)


INFO = (0, bytes(34))


def test_a_flac_has_blocks_of_comments_and_of_pictures() -> None:
    comments = ((4, block(b"TITLE=A", b"CHAPTER001=00:00:01")), (4, block(b"TITLE=B", b"ARTIST=C")))
    others = ((1, bytes(9)), (5, block(b"MOOD=E")))
    file = (
        b"junk"
        + of_flac(INFO, *others, *comments, (6, as_block(PNG)), (1, bytes(9)))
        + of_flac((4, block(b"MOOD=D")))[4:]
    )

    assert read_flac(bytes_at(file), 4) == {"TITLE": ("A",), "ARTIST": ("C",)}
    assert list(chapters_of_flac(bytes_at(file), 4)) == [Chapter(1.0)]
    assert list(pictures_of_flac(bytes_at(file), 4)) == [(3, PNG.content)]


def test_the_comments_of_the_first_four_blocks_are_read() -> None:
    file = of_flac(*((4, block(b"FIELD%d=x" % number)) for number in range(5)))

    assert set(read_flac(bytes_at(file), 0)) == {"FIELD0", "FIELD1", "FIELD2", "FIELD3"}


def test_a_picture_of_flac_may_have_5_mib_and_64_kib_beside_it() -> None:
    largest = as_block(Picture(bytes(MAX_PICTURE_BYTES + 65_536 - 41), "image/png"))

    assert len(list(pictures_of_flac(bytes_at(of_flac((6, largest))), 0))) == 1
    assert list(pictures_of_flac(bytes_at(of_flac((6, largest + b"x"))), 0)) == []


def test_the_metadata_of_a_flac_is_written_among_its_blocks() -> None:
    sound = b"\xff\xf8 sound"
    file = of_flac(INFO, (4, block(b"TITLE=old")), (1, bytes(9))) + sound

    front, stop = flac_in_front(bytes_at(file), Metadata({"TITLE": ("A",)}, PNG))

    assert file[stop:] == sound
    assert front == of_flac(INFO, (4, block(b"TITLE=A")), (6, as_block(PNG)), (1, bytes(9)))
    assert flac_in_front(bytes_at(file), Metadata({"TITLE": ("old",)})) == (file[:stop], stop)
    assert flac_in_front(bytes_at(b"fLaC"), Metadata()) == (b"fLaC", 4)
