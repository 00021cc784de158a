"""Tags that lie around the sound, in a file of any kind: ID3v2 and APE in front, ID3v1, APE and Lyrics3 behind."""

from __future__ import annotations

from worker.domain.containers import lyrics3
from worker.domain.containers.structure import ReadAt

_MAX_TAGS = 16
_ID3V1_BYTES = 128
_ENHANCED_BYTES = 227  # before an ID3v1: longer fields
_BOTH_BYTES = _ENHANCED_BYTES + _ID3V1_BYTES
APE_FOOTER_BYTES = (
    32  # and so its header, which a tag may have alone (https://wiki.hydrogenaud.io/index.php?title=APE_Tags_Header)
)


def behind_tags(read_at: ReadAt, start: int = 0) -> int:
    """The offset behind the tags that begin at `start`, of which there may be several.

    It may lie behind the end of the file, where the file is cut off within a tag.
    """
    for _ in range(_MAX_TAGS):
        header = read_at(start, APE_FOOTER_BYTES)
        length = _id3v2_bytes(header) or _ape_bytes(header)
        if not length:
            break
        start += length
    return start


def behind_tags_between(read_at: ReadAt, start: int) -> int:
    """The offset behind the tags at the end of a file and in front of the next one that was joined to it."""
    for _ in range(2 * _MAX_TAGS):
        header = read_at(start, APE_FOOTER_BYTES)
        if header.startswith(b"TAG+") and read_at(start + _ENHANCED_BYTES, 3) == b"TAG":
            length = _ENHANCED_BYTES
        elif header.startswith(b"TAG"):
            length = _ID3V1_BYTES
        else:
            length = _id3v2_bytes(header) or _ape_bytes(header) or lyrics3.length_from(read_at, start)
        if not length:
            break
        start += length
    return start


def before_tags(read_at: ReadAt, start: int, end: int) -> int:
    """The offset where the tags begin that end at `end`; not before `start`."""
    for _ in range(_MAX_TAGS):
        tail = read_at(max(start, end - _BOTH_BYTES), min(_BOTH_BYTES, end - start))
        if tail[-128:-125] == b"TAG":
            length = _BOTH_BYTES if len(tail) == _BOTH_BYTES and tail.startswith(b"TAG+") else _ID3V1_BYTES
        elif tail[-APE_FOOTER_BYTES:-24] == b"APETAGEX":
            header = APE_FOOTER_BYTES if tail[-9] & 0x80 else 0
            length = int.from_bytes(tail[-20:-16], "little") + header
        elif tail[-9:-3] == b"LYRICS":
            length = lyrics3.length_to(read_at, end)
        else:
            break
        if length > end - start:
            break
        end -= length
    return end


def _id3v2_bytes(header: bytes) -> int:
    """The length of an ID3v2 tag by its header; 0 where it is none (https://id3.org/id3v2.4.0-structure)."""
    if len(header) < 10 or not header.startswith(b"ID3") or max(header[6:10]) > 127:
        return 0
    length = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
    return 10 + length + (10 if header[5] & 0x10 else 0)


def _ape_bytes(header: bytes) -> int:
    """The length of an APE tag by its header, whose size counts the items and the footer; 0 where it is none."""
    if len(header) < APE_FOOTER_BYTES or not header.startswith(b"APETAGEX") or not header[23] & 0x20:
        return 0
    return APE_FOOTER_BYTES + int.from_bytes(header[12:16], "little")
