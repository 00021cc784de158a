"""Writing ID3v2.4 in UTF-8 (https://id3.org/id3v2.4.0-frames)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.domain.containers.structure import ReadAt
from worker.domain.tags.collecting import Tags, with_total
from worker.domain.tags.fields import FIELDS, TOTALS, is_frame
from worker.domain.tags.id3 import HEADER_BYTES, ROLES, tag_bytes
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import FRONT_COVER, Picture

_UTF_8 = b"\x03"
_LANGUAGE = b"eng"  # which players look for, whatever the language is
_TIMES = {"TDRC", "TDOR", "TDRL"}
_TIME = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d)?)?)?)?)?", re.ASCII)  # section 4 of the structure
_PERFORMER = re.compile(r"(.+) \((.+)\)", re.DOTALL)


def id3_in_front(read_at: ReadAt, metadata: Metadata) -> tuple[bytes, int]:
    """A tag with tags and cover, and the offset of what follows it in the file.

    Frames that the file's own tag has, which are its chapters, are kept.
    """
    stop = tag_bytes(read_at(0, HEADER_BYTES))
    chapters = _frames_of(read_at(HEADER_BYTES, stop - HEADER_BYTES)) if stop else b""
    body = b"".join([*_frames(metadata.tags), chapters, *_cover(metadata.cover)])
    return (b"ID3\x04\0\0" + _syncsafe(len(body)) + body if body else b""), stop


def _frames_of(body: bytes) -> bytes:
    offset = 0
    while body[offset : offset + 4].isalnum():
        size = body[offset + 4 : offset + 8]
        offset += 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    return body[:offset]


def _cover(cover: Picture | None) -> Iterator[bytes]:
    if cover:
        head = b"\0" + cover.media_type.encode() + b"\0" + bytes([FRONT_COVER]) + b"\0"
        yield _frame(b"APIC", head + cover.content)


def _frames(tags: Tags) -> Iterator[bytes]:
    people: list[str] = []
    performers: list[str] = []
    for name, values in tags.items():
        if name in ROLES.values():
            role = next(role for role, field in ROLES.items() if field == name)
            people += [text for value in values for text in (role, value)]
        elif name == "PERFORMER":
            for value in values:
                match = _PERFORMER.fullmatch(value)
                performers += [match[2], match[1]] if match else ["", value]
        else:
            yield _frame_of(tags, name)
    for frame, texts in ((b"TIPL", people), (b"TMCL", performers)):
        if texts:
            yield _frame(frame, _text(texts))


def _frame_of(tags: Tags, name: str) -> bytes:
    values = tags[name]
    known = FIELDS.get(name)
    frame, _, owner = (known.id3 if known else "").partition(":")
    if name in TOTALS:
        return _frame(frame.encode(), _text([with_total(tags, name)]))
    if any(total == name and number in tags for number, total in TOTALS.items()):
        return b""
    if frame == "UFID":
        return _frame(b"UFID", owner.encode() + b"\0" + values[0].encode())
    if frame == "COMM":
        return _frame(b"COMM", _UTF_8 + _LANGUAGE + _described("", "\0".join(values)))
    if frame == "USLT":  # one text
        return _frame(b"USLT", _UTF_8 + _LANGUAGE + _described("", "\n\n".join(values)))
    if name.startswith("iTun"):  # iTunes reads its own as comments
        return _frame(b"COMM", _UTF_8 + _LANGUAGE + _described(name, values[0]))
    if frame.startswith("W"):
        return _frame(frame.encode(), values[0].encode("latin-1", "replace"))
    if is_frame(frame) and (frame not in _TIMES or all(map(_TIME.fullmatch, values))):
        return _frame(frame.encode(), _text(list(values)))
    return _frame(b"TXXX", _text([frame if frame and not is_frame(frame) else name, *values]))


def _described(description: str, value: str) -> bytes:
    return description.encode() + b"\0" + value.encode()


def _text(texts: list[str]) -> bytes:
    return _UTF_8 + b"\0".join(text.encode() for text in texts)


def _frame(name: bytes, content: bytes) -> bytes:
    return name + _syncsafe(len(content)) + b"\0\0" + content


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
