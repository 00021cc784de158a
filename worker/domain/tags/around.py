"""Reading the tags that lie around the sound of raw streams: ID3v2 in front, APEv2 and ID3v1 behind.

Nothing is raised, whatever the bytes are.
APEv2: https://wiki.hydrogenaud.io/index.php?title=APEv2_specification. ID3v1: https://id3.org/ID3v1.
"""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.containers.structure import ReadAt
from worker.domain.containers.tags import before_tags, behind_tags
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.collecting import MAX_BYTES, MAX_OFFERED, Collector, Tags, merged
from worker.domain.tags.genres import GENRES
from worker.domain.tags.id3 import HEADER_BYTES, pictures_of_id3, read_id3, tag_bytes
from worker.domain.tags.id3_chapters import chapters_of_id3
from worker.domain.tags.pictures import FRONT_COVER

_MAX_TAGS = 4
_APE_BLOCK_BYTES = 32
_MAX_APE_BYTES = 16 * MAX_BYTES  # with pictures
_MAX_ITEMS = 1_000
_TEXT, _BINARY = 0, 1
_ID3V1_BYTES = 128
_PARTS = (("TITLE", 3, 33), ("ARTIST", 33, 63), ("ALBUM", 63, 93), ("DATE", 93, 97))


def read_around(read_at: ReadAt, size: int) -> Tags:
    """The fields of all tags in front and behind; ID3v1, whose texts are cut, only where there is no other."""
    tags = [read_id3(read_at, offset) for offset in _id3_in_front(read_at)]
    tags += [_read_ape(block) for block in _ape_blocks(read_at, size)]
    return merged(tags) or _read_id3v1(read_at(max(0, size - _ID3V1_BYTES), _ID3V1_BYTES))


def pictures_around(read_at: ReadAt, size: int) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each picture in the tags in front and behind."""
    for offset in _id3_in_front(read_at):
        yield from pictures_of_id3(read_at, offset)
    for block in _ape_blocks(read_at, size):
        for kind, key, value in _ape_items(block):
            name = key.decode("ascii", "replace").casefold()
            if kind == _BINARY and name.startswith("cover art"):
                yield (FRONT_COVER if "front" in name else 0), value.partition(b"\0")[2]  # behind the file's name


def chapters_around(read_at: ReadAt) -> Iterator[Chapter]:
    """The chapters in the tags in front; the others have none."""
    for offset in _id3_in_front(read_at):
        yield from chapters_of_id3(read_at, offset)


def _id3_in_front(read_at: ReadAt) -> Iterator[int]:
    offset = 0
    for _ in range(_MAX_TAGS):
        length = tag_bytes(read_at(offset, HEADER_BYTES))
        if not length:
            return
        yield offset
        offset += length


def _ape_blocks(read_at: ReadAt, size: int) -> Iterator[bytes]:
    """The bytes that may be tags: those between ID3's tags and the sound, and those behind the sound."""
    behind_id3 = 0
    for offset in _id3_in_front(read_at):
        behind_id3 = offset + tag_bytes(read_at(offset, HEADER_BYTES))
    end = min(size, behind_tags(read_at, behind_id3))
    yield read_at(behind_id3, min(end - behind_id3, _MAX_APE_BYTES))
    begin = before_tags(read_at, end, size)
    yield read_at(begin, min(size - begin, _MAX_APE_BYTES))


def _read_ape(block: bytes) -> Tags:
    collector = Collector()
    for kind, key, value in _ape_items(block):
        if kind == _TEXT:
            values = value.decode("utf-8", "replace").split("\0", MAX_OFFERED)
            collector.add_all(key.decode("ascii", "replace"), values[:MAX_OFFERED])
    return collector.tags


def _ape_items(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The kind, key and value of each item, from the first that is one; a tag may have a footer alone."""
    front, magic, footer = block.rpartition(b"APETAGEX")
    if len(magic + footer) < _APE_BLOCK_BYTES:
        return
    length = int.from_bytes(footer[4:8], "little")
    items = int.from_bytes(footer[8:12], "little")
    offset = len(front) + _APE_BLOCK_BYTES - length
    for _ in range(min(items, _MAX_ITEMS)):
        end_of_key = front.find(b"\0", offset + 8) if offset >= 0 else -1
        begin, end = end_of_key + 1, end_of_key + 1 + int.from_bytes(front[offset : offset + 4], "little")
        if end_of_key == -1 or end > len(front):
            return
        yield front[offset + 4] >> 1 & 3, front[offset + 8 : end_of_key], front[begin:end]
        offset = end


def _read_id3v1(block: bytes) -> Tags:
    collector = Collector()
    if len(block) < _ID3V1_BYTES or not block.startswith(b"TAG"):
        return {}
    for name, begin, end in _PARTS:
        collector.add(name, _text(block[begin:end]))
    has_number = block[125] == 0 and block[126] != 0  # ID3v1.1
    collector.add("COMMENT", _text(block[97:127]))
    if has_number:
        collector.add("TRACKNUMBER", str(block[126]))
    if block[127] < len(GENRES):
        collector.add("GENRE", GENRES[block[127]])
    return collector.tags


def _text(part: bytes) -> str:
    return part.partition(b"\0")[0].decode("latin-1")
