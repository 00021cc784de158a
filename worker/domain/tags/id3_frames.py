"""Frames of ID3v2.4 in UTF-8 (https://id3.org/id3v2.4.0-structure)."""

from __future__ import annotations

from collections.abc import Sequence

UTF_8 = b"\x03"


def text(texts: Sequence[str]) -> bytes:
    """The content of a frame of texts."""
    return UTF_8 + b"\0".join(each.encode() for each in texts)


def frame(name: bytes, content: bytes) -> bytes:
    return name + syncsafe(len(content)) + b"\0\0" + content


def syncsafe(number: int) -> bytes:
    """A size, in four bytes of seven bits."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
