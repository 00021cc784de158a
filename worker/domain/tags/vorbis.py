"""Vorbis comments (https://xiph.org/vorbis/doc/v-comment.html): reading, which raises nothing, and writing."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence

from worker.domain.tags.chapters import Chapter
from worker.domain.tags.collecting import Collector, Tags
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import MAX_BLOCK_BYTES, Picture, as_block, read_block

_MAX_COMMENTS = 2_000
_PICTURE = b"METADATA_BLOCK_PICTURE"
_MAX_ENCODED_BYTES = MAX_BLOCK_BYTES * 4 // 3 + 4
_NOT_OF_A_NAME = re.compile(r"[^ -<>-}]")
# A comment that ffmpeg writes about the output itself: which channel is which.
_OF_THE_OUTPUT = re.compile(rb"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=", re.IGNORECASE)
_CHAPTER = re.compile(rb"CHAPTER(\d{2,3})(NAME)?", re.IGNORECASE)
_TIME = re.compile(rb"(\d{1,4}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")


def read_comments(block: bytes) -> Tags:
    """The fields of a block of comments, from its vendor on."""
    collector = Collector()
    for comment in _comments(block):
        name, equals, value = comment.partition(b"=")
        if equals:
            collector.add(name.decode("ascii", "replace"), value.decode("utf-8", "replace"))
    tags = dict(collector.tags)
    if "COMMENT" not in tags and "DESCRIPTION" in tags:
        tags["COMMENT"] = tags.pop("DESCRIPTION")  # what ffmpeg and others call a comment
    return tags


def pictures_of_comments(block: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each picture (https://wiki.xiph.org/VorbisComment#METADATA_BLOCK_PICTURE)."""
    for comment in _comments(block):
        name, _, value = comment.partition(b"=")
        if name.upper() == _PICTURE and len(value) <= _MAX_ENCODED_BYTES:
            try:
                yield read_block(base64.b64decode(value))
            except binascii.Error:
                continue


def chapters_of_comments(block: bytes) -> Iterator[Chapter]:
    """The chapters, by their numbers (https://wiki.xiph.org/Chapter_Extension)."""
    times: dict[int, float] = {}
    titles: dict[int, str] = {}
    for comment in _comments(block):
        name, _, value = comment.partition(b"=")
        if (chapter := _CHAPTER.fullmatch(name)) is None:
            continue
        if chapter[2]:
            titles.setdefault(int(chapter[1]), value.decode("utf-8", "replace"))
        elif time := _TIME.fullmatch(value.strip()):
            times.setdefault(int(chapter[1]), 3600 * int(time[1]) + 60 * int(time[2]) + float(time[3]))
    for number, seconds in times.items():
        yield Chapter(seconds, titles.get(number, ""))


def _of_chapters(chapters: Sequence[Chapter]) -> Iterator[bytes]:
    for number, chapter in enumerate(chapters, 1):
        minutes, milliseconds = divmod(round(1000 * chapter.start_seconds), 60_000)
        time = f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
        yield f"CHAPTER{number:03}={time}".encode()
        if chapter.title:
            yield f"CHAPTER{number:03}NAME={chapter.title}".encode()


def with_comments(block: bytes, metadata: Metadata) -> bytes:
    """The block of an output with its tags, and with the comments that it has about the output itself."""
    kept = [comment for comment in _comments(block) if _OF_THE_OUTPUT.match(comment)]
    comments = [
        f"{_NOT_OF_A_NAME.sub('_', name)}={value}".encode()
        for name, values in metadata.tags.items()
        for value in values
    ]
    comments += _of_chapters(metadata.chapters)
    vendor = block[: 4 + int.from_bytes(block[:4], "little")]
    return b"".join([vendor, _length(len(kept) + len(comments)), *map(_counted, [*comments, *kept])])


def with_picture(block: bytes, picture: Picture) -> bytes:
    """The block with one comment more, which is the picture."""
    count_at = 4 + int.from_bytes(block[:4], "little")
    count = int.from_bytes(block[count_at : count_at + 4], "little")
    comment = _PICTURE + b"=" + base64.b64encode(as_block(picture))
    return block[:count_at] + _length(count + 1) + block[count_at + 4 :] + _counted(comment)


def _comments(block: bytes) -> Iterator[bytes]:
    offset = 4 + int.from_bytes(block[:4], "little")
    count = int.from_bytes(block[offset : offset + 4], "little")
    offset += 4
    for _ in range(min(count, _MAX_COMMENTS)):
        length = int.from_bytes(block[offset : offset + 4], "little")
        if offset + 4 + length > len(block):
            return
        yield block[offset + 4 : offset + 4 + length]
        offset += 4 + length


def _counted(comment: bytes) -> bytes:
    return _length(len(comment)) + comment


def _length(number: int) -> bytes:
    return number.to_bytes(4, "little")
