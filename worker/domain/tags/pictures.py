"""Covers: pictures that are copied from a source, or from an object, as bytes. Nothing decodes them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

MAX_PICTURE_BYTES = 5 << 20
# A block of FLAC takes no more than this beside the picture to say what it holds.
MAX_BLOCK_BYTES = MAX_PICTURE_BYTES + (1 << 16)
FRONT_COVER = 3  # of the kinds of picture that ID3 and FLAC number alike
_MAX_CANDIDATES = 16
_MEDIA_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}  # by how the content begins


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG or a PNG, as it is in its file."""

    content: bytes
    media_type: str


def picture_of(content: bytes) -> Picture | None:
    """The picture; None where it is neither JPEG nor PNG, or too large."""
    media_type = next((name for magic, name in _MEDIA_TYPES.items() if content.startswith(magic)), None)
    if media_type is None or len(content) > MAX_PICTURE_BYTES:
        return None
    return Picture(content, media_type)


def chosen(candidates: Iterable[tuple[int, bytes]]) -> Picture | None:
    """The cover among a source's pictures, which are given by kind and content: the front cover, else the first."""
    first = None
    for kind, content in islice(candidates, _MAX_CANDIDATES):
        picture = picture_of(content)
        if picture and kind == FRONT_COVER:
            return picture
        first = first or picture
    return first


def read_block(block: bytes) -> tuple[int, bytes]:
    """The kind and the content of a picture in FLAC's form (RFC 9639, section 8.8); no content where it is cut off."""
    length = 0
    offset = 4
    for passed in (0, 0, 16):  # the type's name, the description; then width, height, depth, colours
        offset += length + passed
        length = int.from_bytes(block[offset : offset + 4], "big")
        offset += 4
    content = block[offset : offset + length]
    return int.from_bytes(block[:4], "big"), content if len(content) == length else b""


def as_block(picture: Picture) -> bytes:
    """The picture in FLAC's form. Its width and height are 0: they are not known."""
    media_type = picture.media_type.encode()
    head = struct.pack(">II", FRONT_COVER, len(media_type)) + media_type
    return head + struct.pack(">6I", 0, 0, 0, 0, 0, len(picture.content)) + picture.content
