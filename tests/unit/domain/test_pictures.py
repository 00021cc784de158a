"""Pictures in tags: where they stand, how large they may be, and which of them is the cover."""

from __future__ import annotations

import pytest

from tests.support.comments import PNG
from tests.support.reading import bytes_at
from worker.domain.tags.id3 import pictures_of_id3
from worker.domain.tags.id3_frames import frame, syncsafe
from worker.domain.tags.id3_writing import id3_tag
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import MAX_PICTURE_BYTES, Picture, as_block, chosen, picture_of, read_block


def tag(version: int, content: bytes) -> bytes:
    return b"ID3" + bytes([version, 0, 0]) + syncsafe(len(content)) + content


@pytest.mark.parametrize(
    ("content", "picture"),
    [
        (b"\0image/png\0\x03Front\0data", (3, b"data")),
        (b"\x03image/png\0\x04\0data", (4, b"data")),
        (b"\x01image/png\0\x03A\0B\0\0\0data", (3, b"data")),
        (b"\x01image/png\0\x03\0\0data", (3, b"data")),
        (b"\x02image/png\0\x03\0A\0\0data", (3, b"data")),
        (b"\x02image/png\0\x03\0A\x01\0\0\0data", (3, b"data")),  # no zero at an odd place
        (b"\x01image/png\0\x03A\0B\0", (3, b"")),
        (b"\0\0\x03\0data", (3, b"data")),  # without a type
    ],
)
def test_a_picture_stands_behind_its_type_its_kind_and_its_description(
    content: bytes, picture: tuple[int, bytes]
) -> None:
    assert list(pictures_of_id3(bytes_at(tag(4, frame(b"APIC", content))), 0)) == [picture]


def test_a_picture_of_version_2_has_a_type_of_three_letters() -> None:
    data = tag(2, b"PIC\0\0\x0f\0PNG\x03Front\0data" + b"PIC\0\0\x04\0PNG" + b"TT2\0\0\x01x")

    assert list(pictures_of_id3(bytes_at(data), 0)) == [(3, b"data")]


@pytest.mark.parametrize("name", [b"PRIV", b"POPM", b"AENC"])
def test_other_frames_have_no_pictures(name: bytes) -> None:
    assert list(pictures_of_id3(bytes_at(tag(4, frame(name, b"\0image/png\0\x03\0data"))), 0)) == []


def test_a_frame_may_have_64_kib_beside_the_largest_picture() -> None:
    head = b"\0image/png\0\x03\0"
    largest = head + bytes(MAX_PICTURE_BYTES + 65_536 - len(head))

    assert len(list(pictures_of_id3(bytes_at(tag(4, frame(b"APIC", largest))), 0))) == 1
    assert list(pictures_of_id3(bytes_at(tag(4, frame(b"APIC", largest + b"\0"))), 0)) == []


def test_a_cover_is_written_as_a_front_cover_without_a_description() -> None:
    assert id3_tag(Metadata(cover=PNG)) == tag(4, frame(b"APIC", b"\0image/png\0\x03\0" + PNG.content))


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\xff\xd8\xff" + bytes(MAX_PICTURE_BYTES - 3), "image/jpeg"),
        (b"\xff\xd8\xff" + bytes(MAX_PICTURE_BYTES - 2), None),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\x89PNG\r\n\x1a", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_a_cover_is_a_jpeg_or_a_png_of_5_mib_at_most(content: bytes, media_type: str | None) -> None:
    assert picture_of(content) == (None if media_type is None else Picture(content, media_type))


ONE, TWO, NONE = b"\xff\xd8\xff1", b"\xff\xd8\xff2", b"GIF89a"


@pytest.mark.parametrize(
    ("candidates", "cover"),
    [
        ([(0, ONE), (3, TWO), (3, ONE)], TWO),
        ([(0, ONE), (4, TWO)], ONE),
        ([(3, NONE), (0, TWO)], TWO),
        ([(0, NONE)], None),
        ([], None),
        ([(0, NONE)] * 15 + [(3, ONE)], ONE),
        ([(0, NONE)] * 16 + [(3, ONE)], None),
    ],
)
def test_of_the_first_16_pictures_the_front_cover_is_the_cover_or_else_the_first(
    candidates: list[tuple[int, bytes]], cover: bytes | None
) -> None:
    assert chosen(candidates) == (None if cover is None else Picture(cover, "image/jpeg"))


def test_a_block_of_flac_has_kind_type_description_four_sizes_and_the_picture() -> None:
    block = b"\0\0\1\3" + b"\0\0\0\x09image/png" + b"\0\0\0\5Front" + b"\xff" * 16 + b"\0\0\0\4data"

    assert read_block(block + b"more") == (259, b"data")
    assert read_block(block[:-1]) == (259, b"")
    assert read_block(b"") == (0, b"")
    assert as_block(PNG) == (
        b"\0\0\0\3" + b"\0\0\0\x09image/png" + bytes(20) + b"\0\0\0" + bytes([len(PNG.content)]) + PNG.content
    )
