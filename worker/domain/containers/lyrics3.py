"""Lyrics3 tags, of both versions (https://id3.org/Lyrics3, https://id3.org/Lyrics3v2): they stand before an ID3v1."""

from __future__ import annotations

from worker.domain.containers.structure import ReadAt

LONGEST_END = 15  # bytes: the size in six digits, and a name
_BEGIN, _END_1, _END_2 = b"LYRICSBEGIN", b"LYRICSEND", b"LYRICS200"
_MAX_TEXT_BYTES = 5100  # of version 1
_FIELD_BYTES = 8  # three letters, and the size in five digits
_MAX_FIELDS = 64


def length_from(read_at: ReadAt, begin: int) -> int:
    """The length of the tag that begins at an offset; 0 where no whole tag does."""
    head = read_at(begin, len(_BEGIN) + _MAX_TEXT_BYTES + len(_END_1))
    if not head.startswith(_BEGIN):
        return 0
    length = len(_BEGIN)
    for _ in range(_MAX_FIELDS):
        field = read_at(begin + length, LONGEST_END)
        if field.endswith(_END_2):
            return length + LONGEST_END if field[:6] == b"%06d" % length else 0
        if not field[3:_FIELD_BYTES].isdigit():
            break
        length += _FIELD_BYTES + int(field[3:_FIELD_BYTES])
    end = head.find(_END_1)
    return 0 if end < 0 else end + len(_END_1)


def length_to(read_at: ReadAt, end: int) -> int:
    """The length of the tag that ends at an offset; 0 where none does."""
    tail = read_at(end - LONGEST_END, LONGEST_END) if end >= LONGEST_END else b""
    if tail.endswith(_END_2) and tail[:6].isdigit():
        return int(tail[:6]) + LONGEST_END
    if not tail.endswith(_END_1):
        return 0
    begin = max(0, end - len(_END_1) - _MAX_TEXT_BYTES - len(_BEGIN))
    at = read_at(begin, end - begin).rfind(_BEGIN)
    return 0 if at < 0 else end - begin - at
