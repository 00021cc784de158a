"""Reading the tags of Matroska and WebM (RFC 9559, section 5.1.8, and https://www.matroska.org/technical/tagging.html).

Nothing is raised, whatever the bytes are. ffmpeg prints these tags with long lines cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from worker.domain.containers.ebml import DamagedError, Element, children, unsigned
from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.collecting import MAX_VALUE_BYTES, Collector, Tags
from worker.domain.tags.matroska_embedded import MAX_TEXT_BYTES, BoundedReader, content, in_segment, inside

TAGS, TAG, TARGETS, SIMPLE_TAG = 0x1254C367, 0x7373, 0x63C0, 0x67C8
TAG_NAME, TAG_STRING, LEVEL = 0x45A3, 0x4487, 0x68CA
OF_A_PART = {0x63C5, 0x63C9, 0x63C4, 0x63C6}  # tracks, editions, chapters and attachments, by their numbers
INFO, TITLE = 0x1549A966, 0x7BA9
ALBUM_LEVEL, TRACK_LEVEL = 50, 30
_MAX_NAME_BYTES = 400
_FIELDS = {"DATE_RELEASED": "DATE", "LEAD_PERFORMER": "PERFORMER"}
_FIELDS_OF_THE_ALBUM = {"TITLE": "ALBUM", "ARTIST": "ALBUMARTIST"}  # where the track has tags of its own


class _Simple(NamedTuple):
    level: int | None  # None where none is stated: that of an album by default, but many programs mean the track
    name: str
    value: str


def read_matroska(read_at: ReadAt, start: int, size: int) -> Tags:
    """The fields of the first segment: those of its tags that are about all of it, else its title."""
    reader = BoundedReader(read_at, MAX_TEXT_BYTES)
    found, titles = list[_Simple](), list[str]()
    try:
        for element in in_segment(read_at, start, size, TAGS, INFO):
            if element.identifier == INFO:
                titles += [_text(reader, title, MAX_VALUE_BYTES) for title in inside(reader, element, TITLE)]
            else:
                found += [simple for tag in inside(reader, element, TAG) for simple in _of_tag(reader, tag)]
    except DamagedError:
        return {}
    return _collected(found, titles)


def _of_tag(reader: BlockReader, tag: Element) -> Iterator[_Simple]:
    targets = [part for each in inside(reader, tag, TARGETS) for part in children(reader, each.body, each.end or 0)]
    if any(part.identifier in OF_A_PART and unsigned(reader, part) for part in targets):
        return
    level = next((unsigned(reader, part) for part in targets if part.identifier == LEVEL), None)
    for simple in inside(reader, tag, SIMPLE_TAG):
        name, value = (
            next((_text(reader, each, most) for each in inside(reader, simple, kind)), "")
            for kind, most in ((TAG_NAME, _MAX_NAME_BYTES), (TAG_STRING, MAX_VALUE_BYTES))
        )
        yield _Simple(level, name, value)


def _collected(found: list[_Simple], titles: list[str]) -> Tags:
    has_track = any(simple.level == TRACK_LEVEL for simple in found)
    collector = Collector()
    for simple in found:
        name = _FIELDS.get(simple.name, simple.name)
        if has_track and simple.level in {None, ALBUM_LEVEL}:
            name = _FIELDS_OF_THE_ALBUM.get(name, name)
        collector.add(name, simple.value)
    if "TITLE" not in collector.tags:
        collector.add("TITLE", *titles[:1])
    return collector.tags


def _text(reader: BlockReader, element: Element, most: int) -> str:
    return content(reader, element, most).rstrip(b"\0").decode("utf-8", "replace")
