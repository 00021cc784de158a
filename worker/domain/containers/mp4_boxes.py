"""Boxes in the index of an MP4 (ISO 14496-12), and what they say of AAC."""

from __future__ import annotations

from collections.abc import Iterator

MAX_INDEX_BYTES = 16 << 20
ENTRY_BYTES = 28  # of a description of samples of sound, before the boxes in it
_AUDIBLE = (b"aavd", b"mp4a")
AAC_LC = 2  # the audio object type
AAC_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000)  # below, a decoder may find a band that no header states


def child(box: bytes, *path: bytes) -> bytes:
    """The content of the first box of that path; empty where there is none."""
    for kind in path:
        found = children(box, kind)
        if not found:
            return b""
        box = found[0]
    return box


def children(box: bytes, kind: bytes) -> list[bytes]:
    return [box[begin:end] for begin, end in places(box, kind, 0, len(box))]


def places(data: bytes, kind: bytes, begin: int, end: int) -> list[tuple[int, int]]:
    """Where the contents of the boxes of a kind begin and end, among the boxes between two offsets."""
    found = []
    while begin + 8 <= end:
        length = int.from_bytes(data[begin : begin + 4], "big")
        if length < 8:
            break
        if data[begin + 4 : begin + 8] == kind:
            found.append((begin + 8, min(begin + length, end)))
        begin += length
    return found


def places_inside(data: bytes, begin: int, end: int, kind: bytes, *kinds: bytes) -> Iterator[tuple[int, int]]:
    """Where the contents of the boxes of a path begin and end."""
    for place in places(data, kind, begin, end):
        if kinds:
            yield from places_inside(data, *place, *kinds)
        else:
            yield place


def has_encrypted_sound(index: bytes) -> bool:
    """Whether all tracks with sound in a `moov` are encrypted."""
    media = [child(track, b"mdia") for track in children(index[8:], b"trak")]
    sounds = [each for each in media if child(each, b"hdlr")[8:12] == b"soun"]
    return bool(sounds) and all(_is_encrypted(child(each, b"minf", b"stbl", b"stsd")[8:]) for each in sounds)


def _is_encrypted(entries: bytes) -> bool:
    """By the descriptions of a track's samples (ISO 14496-12, section 8.12).

    `drms` are those of Apple's store, and Audible's have a box `adrm` beside the configuration of AAC.
    A description may stand in the place of the true one where nothing is encrypted (ISO 23001-7, section 8.2).
    """
    protections = [child(entry[ENTRY_BYTES:], b"sinf", b"schi", b"tenc") for entry in children(entries, b"enca")]
    of_audible = [child(each[ENTRY_BYTES:], b"adrm") for kind in _AUDIBLE for each in children(entries, kind)]
    return any(each[6:7] != b"\0" for each in protections) or any(of_audible) or bool(children(entries, b"drms"))


def audio_configuration(esds: bytes) -> bytes:
    """The AudioSpecificConfig (ISO 14496-1, section 7.2.6); empty where it is not that of MPEG-4 audio."""
    offset = 4
    for tag, head_bytes in ((3, 3), (4, 13), (5, 0)):
        if esds[offset : offset + 1] != bytes((tag,)):
            return b""
        offset, length = _expandable(esds, offset + 1)
        if tag == 3 and esds[offset + 2 : offset + 3] != b"\0":
            return b""
        if tag == 4 and esds[offset : offset + 1] != b"\x40":
            return b""
        if tag == 5:
            return esds[offset : offset + length]
        offset += head_bytes
    return b""


def _expandable(esds: bytes, offset: int) -> tuple[int, int]:
    """The offset behind a length of up to four bytes with seven bits each, and that length."""
    length = 0
    for byte in esds[offset : offset + 4]:
        offset, length = offset + 1, length << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return offset, length
