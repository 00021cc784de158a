"""Chapters: where parts of the sound begin, and what they are called."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

MAX_CHAPTERS = 999  # Vorbis comments number them with three digits
MAX_TITLE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter. `end_seconds` is None where it ends with the beginning of the next one, or with the sound."""

    start_seconds: float
    title: str = ""
    end_seconds: float | None = None


def in_order(chapters: Iterable[Chapter]) -> tuple[Chapter, ...]:
    """The chapters in the order of their beginnings, at most MAX_CHAPTERS. A title is one line; empty if too long."""
    taken = islice((chapter for chapter in chapters if math.isfinite(chapter.start_seconds)), MAX_CHAPTERS)
    return tuple(
        Chapter(chapter.start_seconds, _one_line(chapter.title), chapter.end_seconds)
        for chapter in sorted(taken, key=lambda chapter: chapter.start_seconds)
    )


def chapters_within(chapters: Sequence[Chapter], begin_seconds: float, length_seconds: float) -> tuple[Chapter, ...]:
    """The chapters of a part of the sound, in seconds of that part, each with its end.

    One that has begun before the part begins with it.
    """
    within = []
    for number, chapter in enumerate(chapters, 1):
        end = chapters[number].start_seconds if number < len(chapters) else math.inf
        if chapter.end_seconds is not None and chapter.end_seconds > chapter.start_seconds:
            end = chapter.end_seconds
        begin = max(0.0, chapter.start_seconds - begin_seconds)
        end = min(length_seconds, end - begin_seconds)
        if begin < end:
            within.append(Chapter(begin, chapter.title, end))
    return tuple(within)


def chapters_from(chapters: Sequence[Chapter], seconds: float) -> tuple[Chapter, ...]:
    """The chapters of a sound that begins so much later."""
    return tuple(
        Chapter(
            chapter.start_seconds + seconds,
            chapter.title,
            None if chapter.end_seconds is None else chapter.end_seconds + seconds,
        )
        for chapter in chapters
    )


def _one_line(title: str) -> str:
    text = "".join(sign if sign.isprintable() else " " for sign in title).strip()
    text = text.encode("utf-8", "replace").decode()
    return text if len(text.encode()) <= MAX_TITLE_BYTES else ""
