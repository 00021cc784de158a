"""ID3 tags that stand for far more than they have bytes."""

from __future__ import annotations

import zlib

import pytest

from tests.support.reading import bytes_at
from worker.domain.tags.id3 import frames_of, pictures_of_id3
from worker.domain.tags.id3_chapters import chapters_of_id3
from worker.domain.tags.id3_frames import frame, syncsafe

_COMPRESSED = b"\0\x08"  # the flags of a frame of 2.4
_MEGABYTE = bytes(1 << 20)


def compressed(name: bytes, content: bytes) -> bytes:
    packed = zlib.compress(content, 9)
    return name + syncsafe(len(packed)) + _COMPRESSED + packed


def tag(*frames: bytes) -> bytes:
    content = b"".join(frames)
    return b"ID3\x04\0\0" + syncsafe(len(content)) + content


def test_frames_that_expand_beyond_all_measure_end_the_reading() -> None:
    file = tag(*([compressed(b"TXXX", _MEGABYTE)] * 500))

    assert len(list(frames_of(bytes_at(file), 0))) < 10


@pytest.mark.timeout(20)
def test_chapters_with_compressed_frames_within_compressed_frames_take_no_time() -> None:
    inside = 900 * compressed(b"TXXX", _MEGABYTE)
    chapter = compressed(b"CHAP", b"one\0" + bytes(16) + inside)
    file = tag(*([chapter] * 500))

    assert all(each.title == "" for each in chapters_of_id3(bytes_at(file), 0))


@pytest.mark.timeout(20)
def test_frames_that_are_no_pictures_are_not_expanded_without_end() -> None:
    file = tag(*([compressed(b"PRIV", 5 * _MEGABYTE)] * 1500))

    assert list(pictures_of_id3(bytes_at(file), 0)) == []


def test_a_large_tag_of_plain_frames_is_read_whole() -> None:
    file = tag(*(frame(b"TXXX", b"\x03" + b"%d\0" % number + bytes(1 << 19)) for number in range(40)))

    assert len(list(frames_of(bytes_at(file), 0))) == 40
