"""Writing chapters into the index of an MP4: as Nero's list, and as a track of texts that the sound's track names.

Players look for the one or the other. Boxes are those of ISO 14496-12, and of QuickTime for texts
(https://developer.apple.com/documentation/quicktime-file-format/text_sample_description).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from worker.domain.tags.chapters import Chapter
from worker.domain.tags.mp4_writing import box, children_of

_SCALE = 10_000  # units of a second; other formats count in milliseconds
_NERO_SECONDS = 10_000_000
_MOST_OF_NERO = 255
_MOST_BYTES_OF_NERO = 255
_UTF_8 = b"\0\0\0\x0cencd\0\0\x01\0"
_MAX_32_BITS = 0xFFFF_FFFF
_IDENTITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_ITSELF = b"\0\0\0\x0curl \0\0\0\x01"  # the media is in this file


def texts_of(chapters: Sequence[Chapter]) -> bytes:
    """The box of media with the titles; empty without chapters."""
    return box(b"mdat", b"".join(map(_sample, chapters))) if chapters else b""


def with_chapters(moov: bytes, chapters: Sequence[Chapter], texts_at: int) -> bytes:
    """The box `moov` with the chapters, whose `texts_of` are at an offset of the file.

    Raises ValueError where it is not an index with one track.
    """
    if not chapters:
        return moov
    children = list(children_of(moov))
    tracks = [each for kind, each in children if kind == b"trak"]
    header = next((each for kind, each in children if kind == b"mvhd"), b"")
    if len(tracks) != 1 or header[8:9] != b"\0" or len(header) < 108:
        raise ValueError("the index is not that of one track")
    scale = int.from_bytes(header[20:24], "big")
    number = 1 + int.from_bytes(tracks[0][28:32], "big")  # in its header, its first box
    sound = box(b"trak", tracks[0][8:] + box(b"tref", box(b"chap", struct.pack(">I", number))))
    texts = _track(number, chapters, texts_at + 8, scale)
    header = header[:-4] + struct.pack(">I", number + 1)
    rest = b"".join(each for kind, each in children if kind not in {b"mvhd", b"trak", b"udta"})
    user_data = b"".join(each[8:] for kind, each in children if kind == b"udta")
    return box(b"moov", header + sound + texts + rest + box(b"udta", user_data + _nero(chapters)))


def _nero(chapters: Sequence[Chapter]) -> bytes:
    listed = chapters[:_MOST_OF_NERO]
    entries = []
    for chapter in listed:
        title = chapter.title.encode()[:_MOST_BYTES_OF_NERO].decode(errors="ignore").encode()
        entries.append(struct.pack(">QB", round(chapter.start_seconds * _NERO_SECONDS), len(title)) + title)
    return box(b"chpl", b"\x01\0\0\0\0\0\0\0" + bytes([len(listed)]) + b"".join(entries))


def _sample(chapter: Chapter) -> bytes:
    title = chapter.title.encode()
    return struct.pack(">H", len(title)) + title + _UTF_8


def _track(number: int, chapters: Sequence[Chapter], texts_at: int, movie_scale: int) -> bytes:
    begins = [round(chapter.start_seconds * _SCALE) for chapter in chapters]
    end = round((chapters[-1].end_seconds or chapters[-1].start_seconds) * _SCALE)
    lengths = [max(1, after - before) for before, after in zip(begins, [*begins[1:], end], strict=True)]
    late, seconds = begins[0] / _SCALE, sum(lengths) / _SCALE
    shown = round(seconds * movie_scale)
    edits = [(round(late * movie_scale), -1, 0x10000)] if begins[0] else []
    edits.append((shown, 0, 0x10000))
    header = struct.pack(">5I8x4H", 0, 0, number, 0, sum(edit[0] for edit in edits), 0, 0, 0, 0)
    return box(
        b"trak",
        box(b"tkhd", b"\0\0\0\x02" + header + _IDENTITY + bytes(8))  # used in no other way than by the sound's track
        + box(
            b"edts", box(b"elst", struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">Iii", *e) for e in edits))
        )
        + box(b"mdia", _media(chapters, lengths, texts_at)),
    )


def _media(chapters: Sequence[Chapter], lengths: Sequence[int], texts_at: int) -> bytes:
    undetermined = 0x55C4  # the language
    header = struct.pack(">5I2H", 0, 0, 0, _SCALE, sum(lengths), undetermined, 0)
    handler = bytes(8) + b"text" + bytes(13)
    plain = b"\0\0\0\0" + bytes(8)  # of a media header
    general = box(b"gmin", plain + bytes(4)) + box(
        b"text", struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    )
    place = box(b"dinf", box(b"dref", struct.pack(">II", 0, 1) + _ITSELF))
    samples = [len(_sample(chapter)) for chapter in chapters]
    tables = (
        box(b"stsd", struct.pack(">II", 0, 1) + _DESCRIPTION)
        + _rows(b"stts", ">II", [(1, each) for each in lengths])
        + box(b"stsz", struct.pack(f">III{len(samples)}I", 0, 0, len(samples), *samples))
        + _rows(b"stsc", ">III", [(1, len(samples), 1)])
        + (_rows(b"stco", ">I", [(texts_at,)]) if texts_at <= _MAX_32_BITS else _rows(b"co64", ">Q", [(texts_at,)]))
    )
    return (
        box(b"mdhd", header)
        + box(b"hdlr", handler)
        + box(b"minf", box(b"gmhd", general) + place + box(b"stbl", tables))
    )


def _rows(kind: bytes, form: str, rows: Sequence[tuple[int, ...]]) -> bytes:
    """A table: its version, the number of its entries, and the entries."""
    return box(kind, struct.pack(">II", 0, len(rows)) + b"".join(struct.pack(form, *row) for row in rows))


# The description of texts without a look of their own: they are shown only in a list.
_DESCRIPTION = box(b"text", struct.pack(">6xH", 1) + bytes(44))
