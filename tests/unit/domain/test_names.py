"""Names that are made of the names of objects."""

from __future__ import annotations

import pytest

from worker.domain.naming import readable_id_part, stem_of


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("in/Episode 12 (final).wav", "Episode-12-final"),
        ("a.tar.gz", "a.tar"),
        ("folder/", "folder"),
        ("in/..wav", "job"),
        ("", "job"),
        ("x" * 100 + ".wav", "x" * 80),
        ("x" * 79 + "  y.wav", "x" * 79),
    ],
)
def test_the_part_of_an_id_is_short_and_in_its_characters(key: str, part: str) -> None:
    assert readable_id_part(key) == part


@pytest.mark.parametrize(("name", "stem"), [("a.b.c", "a.b"), ("a", "a"), (".a", ".a"), ("a.", "a")])
def test_a_stem_is_the_name_without_its_last_extension(name: str, stem: str) -> None:
    assert stem_of(name) == stem
