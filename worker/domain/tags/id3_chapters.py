"""Chapters in ID3v2: `CHAP` and `CTOC` (https://id3.org/id3v2-chapters-1.0). Reading raises nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from worker.domain.containers.structure import ReadAt
from worker.domain.tags.chapters import MAX_TITLE_BYTES, Chapter
from worker.domain.tags.id3 import frames_of, texts_of
from worker.domain.tags.id3_frames import frame, syncsafe, text

_TIMES_BYTES = 16  # of its begin and end, in milliseconds and in bytes of the file
_BY_BYTES = 0xFFFF_FFFF  # in place of a time
_TOP, _ORDERED = 3, 1  # the top one is ordered, too
_MOST_ENTRIES = 255


def chapters_of_id3(read_at: ReadAt, start: int) -> Iterator[Chapter]:
    """The chapters in the tag at `start`, in the order of the file."""
    version = read_at(start + 3, 1)
    for name, content in frames_of(read_at, start, letters="C"):
        if name != "CHAP":
            continue
        times = content.partition(b"\0")[2]
        begin, end = (int.from_bytes(times[at : at + 4], "big") for at in (0, 4))
        if len(times) >= _TIMES_BYTES and begin != _BY_BYTES:
            title = _title(version, times[_TIMES_BYTES:])
            yield Chapter(begin / 1000, title, None if end == _BY_BYTES else end / 1000)


def _title(version: bytes, frames: bytes) -> str:
    """The title in the frames within a chapter, which are those of a tag without its header."""
    tag = b"ID3" + version + b"\0\0" + syncsafe(len(frames)) + frames
    titles = (
        texts_of(content)
        for name, content in frames_of(
            lambda at, size: tag[at : at + size], 0, letters="T", max_bytes=MAX_TITLE_BYTES, expanded_bytes=0
        )
        if name == "TIT2"
    )
    return next((each[0] for each in titles if each), "")


def chapter_frames(chapters: Sequence[Chapter]) -> Iterator[bytes]:
    """A table of contents, and a frame for each chapter, which has an end."""
    names = [f"chp{number}".encode() for number in range(len(chapters))]
    if names:
        yield from _tables(b"toc", names, _TOP)
    for name, chapter in zip(names, chapters, strict=True):
        times = (chapter.start_seconds, chapter.end_seconds or chapter.start_seconds)
        content = b"".join(round(1000 * each).to_bytes(4, "big") for each in times)
        content += 2 * _BY_BYTES.to_bytes(4, "big")
        if chapter.title:
            content += frame(b"TIT2", text([chapter.title]))
        yield frame(b"CHAP", name + b"\0" + content)


def _tables(name: bytes, entries: Sequence[bytes], flags: int) -> Iterator[bytes]:
    """A table of contents with these entries. It has at most 255: where there are more, its entries are tables."""
    if len(entries) > _MOST_ENTRIES:
        begins = range(0, len(entries), _MOST_ENTRIES)
        for begin in begins:
            yield from _tables(name + b"%d" % begin, entries[begin : begin + _MOST_ENTRIES], _ORDERED)
        entries = [name + b"%d" % begin for begin in begins]
    content = b"".join(entry + b"\0" for entry in entries)
    yield frame(b"CTOC", name + b"\0" + bytes([flags, len(entries)]) + content)
