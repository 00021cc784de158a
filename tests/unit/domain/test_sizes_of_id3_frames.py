"""The sizes of ID3v2 frames: plain numbers in 2.2 and 2.3, seven bits a byte in 2.4, and what iTunes made of that."""

from __future__ import annotations

import pytest

from tests.support.reading import bytes_at
from worker.domain.tags.id3 import frames_of
from worker.domain.tags.id3_frames import syncsafe

NEXT = b"TALB\0\0\0\x02\0\0\x03B"
OTHER = b"\x03" + b"x" * 117  # with its header as long as the two sizes of 144 or 272 bytes differ


def tag(version: int, content: bytes) -> bytes:
    return b"ID3" + bytes([version, 0, 0]) + syncsafe(len(content)) + content


def sized(size: bytes, content: bytes) -> bytes:
    return b"TIT2" + size + b"\0\0" + content


def lengths(data: bytes) -> dict[str, int]:
    """Of the content of each frame, by its name."""
    return {name: len(content) for name, content in frames_of(bytes_at(data), 0, max_bytes=1 << 24)}


@pytest.mark.parametrize("behind", [NEXT, bytes(20), bytes(4), bytes(3), b""], ids=["a frame", "20", "4", "3", "none"])
@pytest.mark.parametrize("sound", [b"", b"\xff\xfb\x90\0" * 99], ids=["no sound", "sound"])
def test_a_plain_size_of_an_old_itunes_is_right_where_a_frame_padding_or_the_end_follows(
    behind: bytes, sound: bytes
) -> None:
    data = tag(4, sized(b"\0\0\x01\x10", b"\x03" + b"x" * 271) + behind)

    assert lengths(data + sound)["TIT2"] == 272


@pytest.mark.parametrize(
    "behind",
    [
        NEXT,
        b"",
        bytes(500),
        b"TALB" + syncsafe(118) + b"\0\0" + OTHER + NEXT,  # there, the plain size would be right, too
        b"junk" + bytes(120) + b"junk" * 9,  # there, none is right
        b"junk!",
    ],
    ids=["a frame", "none", "padding", "two frames", "junk", "a bit of junk"],
)
@pytest.mark.parametrize("sound", [b"", b"\xff\xfb\x90\0" * 99], ids=["no sound", "sound"])
def test_else_the_size_has_seven_bits_a_byte(behind: bytes, sound: bytes) -> None:
    data = tag(4, sized(b"\0\0\x01\x10", b"\x03" + b"x" * 143) + behind)

    assert lengths(data + sound)["TIT2"] == 144


@pytest.mark.parametrize(
    ("version", "size", "length"),
    [
        (3, b"\0\0\0\x7f", 127),
        (3, b"\0\0\x01\0", 256),
        (3, b"\0\x01\0\0", 1 << 16),
        (3, b"\x01\0\0\0", 1 << 24),
        (4, b"\0\0\0\x7f", 127),
        (4, b"\0\0\0\x80", 128),  # no byte of seven bits
        (4, b"\0\0\x01\x7f", 255),
        (4, b"\0\x01\0\0", 1 << 14),
        (4, b"\x01\0\0\0", 1 << 21),
    ],
)
def test_a_size_is_right_whatever_the_content_is(version: int, size: bytes, length: int) -> None:
    assert lengths(tag(version, sized(size, bytes(length)) + NEXT)) == {"TIT2": length, "TALB": 2}


def test_a_size_that_is_plain_in_any_case_may_be_too_great() -> None:
    assert lengths(tag(4, sized(b"\x80\0\0\x02", b"\x03A") + NEXT)) == {}


def test_a_size_of_version_2_has_three_bytes() -> None:
    for size, length in ((b"\0\0\x80", 128), (b"\0\x01\0", 256), (b"\x01\0\0", 1 << 16)):
        assert lengths(tag(2, b"TT2" + size + bytes(length) + b"TAL\0\0\x02\x03B")) == {"TIT2": length, "TALB": 2}
