"""Writing ID3v2.4 in UTF-8 (https://id3.org/id3v2.4.0-frames)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.domain.containers.structure import ReadAt
from worker.domain.tags.collecting import Tags, with_total
from worker.domain.tags.fields import FIELDS, TOTALS, is_frame
from worker.domain.tags.id3 import HEADER_BYTES, ROLES, tag_bytes
from worker.domain.tags.id3_chapters import chapter_frames
from worker.domain.tags.id3_frames import UTF_8, frame, syncsafe, text
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import FRONT_COVER, Picture

_LANGUAGE = b"eng"  # which players look for, whatever the language is
_TIMES = {"TDRC", "TDOR", "TDRL"}
_TIME = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d)?)?)?)?)?", re.ASCII)  # section 4 of the structure
_DAY = re.compile(r"(\d{4})(0[1-9]|1[0-2])([0-2]\d|3[01])", re.ASCII)
_PERFORMER = re.compile(r"(.+) \((.+)\)", re.DOTALL)


def id3_in_front(read_at: ReadAt, metadata: Metadata) -> tuple[bytes, int]:
    """A tag with the metadata, and the offset of what follows the tag that the file has already."""
    return id3_tag(metadata), tag_bytes(read_at(0, HEADER_BYTES))


def id3_tag(metadata: Metadata) -> bytes:
    """A tag with the metadata; empty where there is none."""
    body = b"".join([*_frames(metadata.tags), *chapter_frames(metadata.chapters), *_cover(metadata.cover)])
    return b"ID3\x04\0\0" + syncsafe(len(body)) + body if body else b""


def _cover(cover: Picture | None) -> Iterator[bytes]:
    if cover:
        head = b"\0" + cover.media_type.encode() + b"\0" + bytes([FRONT_COVER]) + b"\0"
        yield frame(b"APIC", head + cover.content)


def _frames(tags: Tags) -> Iterator[bytes]:
    people: list[str] = []
    performers: list[str] = []
    for name, values in tags.items():
        if name in ROLES.values():
            role = next(role for role, field in ROLES.items() if field == name)
            people += [each for value in values for each in (role, value)]
        elif name == "PERFORMER":
            for value in values:
                match = _PERFORMER.fullmatch(value)
                performers += [match[2], match[1]] if match else ["", value]
        else:
            yield _frame_of(tags, name)
    for identifier, texts in ((b"TIPL", people), (b"TMCL", performers)):
        if texts:
            yield frame(identifier, text(texts))


def _frame_of(tags: Tags, name: str) -> bytes:
    values = tags[name]
    known = FIELDS.get(name)
    identifier, _, owner = (known.id3 if known else "").partition(":")
    if name in TOTALS:
        return frame(identifier.encode(), text([with_total(tags, name)]))
    if any(total == name and number in tags for number, total in TOTALS.items()):
        return b""
    if identifier == "UFID":
        return frame(b"UFID", owner.encode() + b"\0" + values[0].encode())
    if identifier in {"COMM", "USLT"}:  # one text, of which players show nothing behind a zero
        return frame(identifier.encode(), UTF_8 + _LANGUAGE + _described("", "\n\n".join(values)))
    if name.startswith("iTun"):  # iTunes reads its own as comments
        return frame(b"COMM", UTF_8 + _LANGUAGE + _described(name, values[0]))
    if identifier.startswith("W"):
        return frame(identifier.encode(), values[0].encode("latin-1", "replace"))
    texts = [_as_time(value) for value in values] if identifier in _TIMES else values
    if is_frame(identifier) and (identifier not in _TIMES or all(map(_TIME.fullmatch, texts))):
        return frame(identifier.encode(), text(list(texts)))
    return frame(b"TXXX", text([identifier if identifier and not is_frame(identifier) else name, *values]))


def _as_time(value: str) -> str:
    """A time as ID3 has it: UTC without the Z that iTunes writes, a day with the dashes that yt-dlp leaves out."""
    return _DAY.sub(r"\1-\2-\3", value) if _DAY.fullmatch(value) else value.removesuffix("Z")


def _described(description: str, value: str) -> bytes:
    return description.encode() + b"\0" + value.encode()
