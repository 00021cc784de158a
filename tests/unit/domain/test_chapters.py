"""Chapters of a part of the sound, and of a sound that begins later."""

from __future__ import annotations

import pytest

from worker.domain.tags.chapters import Chapter, chapters_from, chapters_within

INTRO, TALK, END = Chapter(0, "Intro", 10), Chapter(10, "Talk"), Chapter(60, "End", 60)


@pytest.mark.parametrize(
    ("begin", "length", "within"),
    [
        (0, 100, [Chapter(0, "Intro", 10), Chapter(10, "Talk", 60), Chapter(60, "End", 100)]),
        (4, 20, [Chapter(0, "Intro", 6), Chapter(6, "Talk", 20)]),
        (10, 5, [Chapter(0, "Talk", 5)]),
        (61, 2, [Chapter(0, "End", 2)]),
        (3, 7, [Chapter(0, "Intro", 7)]),
    ],
)
def test_a_part_has_the_chapters_that_lie_in_it_from_its_own_beginning(
    begin: float, length: float, within: list[Chapter]
) -> None:
    assert list(chapters_within([INTRO, TALK, END], begin, length)) == within


def test_a_chapter_with_an_end_of_its_own_ends_there_and_not_with_the_next() -> None:
    chapters = [Chapter(0, "Intro", 10), Chapter(20, "Talk", 30)]

    assert list(chapters_within(chapters, 5, 10)) == [Chapter(0, "Intro", 5)]


def test_chapters_of_a_sound_that_begins_later_begin_and_end_later() -> None:
    assert list(chapters_from([INTRO, TALK], 5)) == [Chapter(5, "Intro", 15), Chapter(15, "Talk", None)]
