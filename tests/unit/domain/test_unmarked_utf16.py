"""Texts of ID3 in UTF-16 whose byte order mark is missing: their zeros show the order."""

from __future__ import annotations

import pytest

from worker.domain.tags.id3 import texts_of


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("Hello".encode("utf-16-le"), ["Hello"]),
        ("Hello".encode("utf-16-be"), ["Hello"]),
        ("One\0Zwei: ü".encode("utf-16-be"), ["One", "Zwei: ü"]),
        ("日本語 1".encode("utf-16-be"), ["日本語 1"]),
        ("日本語".encode("utf-16-le"), ["日本語"]),
        (b"", [""]),
    ],
)
def test_the_order_is_seen_from_the_zeros_and_else_little_endian(content: bytes, texts: list[str]) -> None:
    assert texts_of(b"\x01" + content) == texts
