"""Reading the chapters of MP4: a track of texts that the sound's track names, or Nero's list.

Nothing is raised, whatever the bytes are. The track is that of QuickTime
(https://developer.apple.com/documentation/quicktime-file-format/chapter_lists); Nero's list is `moov/udta/chpl`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import accumulate, chain, islice, repeat

from worker.domain.containers.structure import ReadAt
from worker.domain.tags.chapters import MAX_CHAPTERS, MAX_TITLE_BYTES, Chapter
from worker.domain.tags.mp4 import Box, bounded, boxes, index_of, within

_NERO_SECONDS = 10_000_000  # of its unit
_MAX_TABLE_BYTES = 1 << 16  # MAX_CHAPTERS entries of any table
_MAX_NERO_BYTES = 1 << 17  # 255 chapters with titles of 255 bytes
_EMPTY = -1  # the media's time in an edit that shows nothing


def chapters_of_mp4(read_at: ReadAt, size: int) -> list[Chapter]:
    """The chapters by the track or the list, whichever has more: ffmpeg leaves untitled ones out of a track."""
    read_at = bounded(read_at)
    moov = index_of(read_at, size)
    if moov is None:
        return []
    return max(list(_of_tracks(read_at, moov)), list(_of_nero(read_at, moov)), key=len)


def _of_nero(read_at: ReadAt, moov: Box) -> Iterator[Chapter]:
    for box in islice(within(read_at, moov, b"udta", b"chpl"), 1):
        content = read_at(box.begin, min(box.end - box.begin, _MAX_NERO_BYTES))
        offset = 9 if content[:1] == b"\x01" else 5
        for _ in range(int.from_bytes(content[offset - 1 : offset], "big")):
            if len(content) < offset + 9:
                return
            begin, end = offset + 9, offset + 9 + content[offset + 8]
            seconds = int.from_bytes(content[offset : offset + 8], "big") / _NERO_SECONDS
            yield Chapter(seconds, content[begin:end].decode("utf-8", "replace"))
            offset = end


def _of_tracks(read_at: ReadAt, moov: Box) -> Iterator[Chapter]:
    """The chapters of the first track of texts that another track names, as far as its texts are in the file."""
    tracks = list(within(read_at, moov, b"trak"))
    named = [
        int.from_bytes(read_at(box.begin, 4), "big")
        for track in tracks
        for box in within(read_at, track, b"tref", b"chap")
    ]
    for track in tracks:
        header = next((_table(read_at, box) for box in within(read_at, track, b"tkhd")), b"")
        at = 20 if header[:1] == b"\x01" else 12
        kind = next((read_at(box.begin + 8, 4) for box in within(read_at, track, b"mdia", b"hdlr")), b"")
        if kind in {b"text", b"sbtl"} and int.from_bytes(header[at : at + 4], "big") in named:
            yield from _of_track(read_at, moov, track)
            return


def _of_track(read_at: ReadAt, moov: Box, track: Box) -> Iterator[Chapter]:
    scale = _scale(read_at, next(within(read_at, track, b"mdia", b"mdhd"), None))
    samples = next(within(read_at, track, b"mdia", b"minf", b"stbl"), None)
    if not scale or samples is None:
        return
    tables = {box.kind: _table(read_at, box) for box in boxes(read_at, samples.begin, samples.end)}
    lengths = chain.from_iterable(
        repeat(length, min(count, MAX_CHAPTERS)) for count, length in _rows(tables.get(b"stts", b""), ">II")
    )
    begins = accumulate(islice(lengths, MAX_CHAPTERS), initial=0)
    late = _late_seconds(read_at, moov, track)
    for begin, (offset, size) in zip(begins, _samples(tables), strict=False):
        yield Chapter(late + begin / scale, _title(read_at(offset, min(size, 2 + MAX_TITLE_BYTES))))


def _late_seconds(read_at: ReadAt, moov: Box, track: Box) -> float:
    """How long nothing is shown before the first chapter (ISO 14496-12, section 8.6.6)."""
    scale = _scale(read_at, next(within(read_at, moov, b"mvhd"), None))
    edits = next((_table(read_at, box) for box in within(read_at, track, b"edts", b"elst")), b"")
    first = next(_rows(edits, ">Qqi" if edits[:1] == b"\x01" else ">Iii"), None)
    return first[0] / scale if scale and first and first[1] == _EMPTY else 0.0


def _scale(read_at: ReadAt, header: Box | None) -> int:
    """How many units a second has, by the header of a movie or of media; 0 where there is none."""
    content = b"" if header is None else _table(read_at, header)
    at = 20 if content[:1] == b"\x01" else 12
    return int.from_bytes(content[at : at + 4], "big")


def _samples(tables: dict[bytes, bytes]) -> Iterator[tuple[int, int]]:
    """The offset and the size of each sample (ISO 14496-12, sections 8.7.3 to 8.7.5)."""
    sizes, chunks = tables.get(b"stsz", b""), list(_rows(tables.get(b"stsc", b""), ">III"))
    same = int.from_bytes(sizes[4:8], "big")
    each_size = repeat(same, MAX_CHAPTERS) if same else iter([size for (size,) in _rows(sizes[4:], ">I")])
    offsets = [*_rows(tables.get(b"stco", b""), ">I"), *_rows(tables.get(b"co64", b""), ">Q")]
    for number, (begin,) in enumerate(offsets, 1):
        count = next((row[1] for row in reversed(chunks) if row[0] <= number), 0)
        offset = begin
        for size in islice(each_size, min(count, MAX_CHAPTERS)):
            yield offset, size
            offset += size


def _rows(table: bytes, form: str) -> Iterator[tuple[int, ...]]:
    """The entries of a table, as far as they are there. Its version and their number are in front of them."""
    size = struct.calcsize(form)
    count = min(int.from_bytes(table[4:8], "big"), MAX_CHAPTERS, (len(table) - 8) // size)
    return (struct.unpack_from(form, table, 8 + number * size) for number in range(count))


def _table(read_at: ReadAt, box: Box) -> bytes:
    return read_at(box.begin, min(box.end - box.begin, _MAX_TABLE_BYTES))


def _title(sample: bytes) -> str:
    content = sample[2 : 2 + int.from_bytes(sample[:2], "big")]
    return content.decode("utf-16" if content[:2] in {b"\xfe\xff", b"\xff\xfe"} else "utf-8", "replace")
