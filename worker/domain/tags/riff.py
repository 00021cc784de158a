"""Reading the tags of WAV and AIFF: `LIST` of kind `INFO` (RIFF MCI, 1991), AIFF's chunks of text, `id3 `.

Nothing is raised, whatever the bytes are.
"""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.containers.samples import ByteOrder
from worker.domain.containers.structure import ReadAt
from worker.domain.containers.wav import BIG_ENDIAN
from worker.domain.tags.collecting import MAX_BYTES, Collector, Tags, merged
from worker.domain.tags.id3 import read_id3

_MAX_CHUNKS = 1_000
_ID3 = b"id3 "
_FIELDS = {
    b"INAM": "TITLE",
    b"IART": "ARTIST",
    b"IPRD": "ALBUM",
    b"ICMT": "COMMENT",
    b"ICRD": "DATE",
    b"IGNR": "GENRE",
    b"ICOP": "COPYRIGHT",
    b"ILNG": "LANGUAGE",
    b"ITRK": "TRACKNUMBER",
    b"IPRT": "TRACKNUMBER",
    b"IENG": "ENGINEER",
    b"IMUS": "COMPOSER",
    b"IBPM": "BPM",
    b"IWRI": "LYRICIST",
    b"IKEY": "KEYWORDS",
    b"ISBJ": "SUBJECT",
    b"IFRM": "TRACKTOTAL",
    b"IMED": "MEDIA",
    b"ISRC": "SOURCE",
}
# The fields that ffmpeg writes (libavformat/riff.c), and reads back; a total stands beside its number.
FIELDS_OF_INFO = frozenset(
    {*("TITLE", "ARTIST", "ALBUM", "COMMENT", "DATE", "GENRE", "COPYRIGHT", "LANGUAGE", "TRACKNUMBER", "TRACKTOTAL")}
)
_FIELDS_OF_AIFF = {b"NAME": "TITLE", b"AUTH": "ARTIST", b"(c) ": "COPYRIGHT", b"ANNO": "COMMENT"}


def read_aiff(read_at: ReadAt, start: int, size: int) -> Tags:
    """The fields of the file that begins at `start`; an `ID3 ` chunk says more than those of text, and goes first."""
    id3: list[Tags] = []
    texts = Collector()
    for name, offset, length in _chunks(read_at, start, size, "big"):
        if field := _FIELDS_OF_AIFF.get(name):
            texts.add(field, _text(read_at(offset, min(length, MAX_BYTES))))
        elif not id3 and name.lower() == _ID3:
            id3.append(read_id3(read_at, offset))
    return merged([*id3, texts.tags])


def read_riff(read_at: ReadAt, start: int, size: int) -> Tags:
    """The fields of the file that begins at `start`; an `id3 ` chunk says more than `INFO`, and goes first."""
    id3: list[Tags] = []
    info: list[Tags] = []
    order = _order(read_at, start)
    for name, offset, length in _chunks(read_at, start, size, order):
        if not info and name == b"LIST" and read_at(offset, 4) == b"INFO":
            info.append(_read_info(read_at(offset + 4, min(length - 4, MAX_BYTES)), order))
        elif not id3 and name.lower() == _ID3:
            id3.append(read_id3(read_at, offset))
    return merged([*id3, *info])


def id3_of_aiff(read_at: ReadAt, start: int, size: int) -> int | None:
    """Where the tag of its first `ID3 ` chunk begins; None where it has none."""
    return _id3(_chunks(read_at, start, size, "big"))


def id3_of_riff(read_at: ReadAt, start: int, size: int) -> int | None:
    """Where the tag of its first `id3 ` chunk begins; None where it has none."""
    return _id3(_chunks(read_at, start, size, _order(read_at, start)))


def _order(read_at: ReadAt, start: int) -> ByteOrder:
    return "big" if read_at(start, 4) == BIG_ENDIAN else "little"


def _id3(chunks: Iterator[tuple[bytes, int, int]]) -> int | None:
    return next((offset for name, offset, _ in chunks if name.lower() == _ID3), None)


def _chunks(read_at: ReadAt, start: int, size: int, order: ByteOrder) -> Iterator[tuple[bytes, int, int]]:
    """The name of each chunk, the offset of its content, and its length."""
    offset = start + 12
    for _ in range(_MAX_CHUNKS):
        header = read_at(offset, 8)
        if len(header) < 8 or offset >= size:
            break
        length = int.from_bytes(header[4:], order)
        yield header[:4], offset + 8, length
        offset += 8 + length + length % 2


def _read_info(block: bytes, order: ByteOrder) -> Tags:
    collector = Collector()
    offset = 0
    for _ in range(_MAX_CHUNKS):
        length = int.from_bytes(block[offset + 4 : offset + 8], order)
        value = block[offset + 8 : offset + 8 + length]
        if not value or len(value) < length:
            break
        if field := _FIELDS.get(block[offset : offset + 4]):
            collector.add(field, _text(value))
        offset += 8 + length + length % 2
    return collector.tags


def _text(value: bytes) -> str:
    """The text, by UTF-8 where it is that, else by cp1252, which the standard does not name and programs write."""
    text = value.partition(b"\0")[0]
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")
