"""The index of a joined MP4, with the tables that libavformat would write (ISO 14496-12, sections 8.2 to 8.7)."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from worker.domain.splitting.joiner import JoinError
from worker.domain.splitting.packets import child_of
from worker.domain.tags.mp4_writing import box, children_of

_PARENTS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"})
# Where the length stands in these boxes; all of them count it in samples.
_LENGTHS = {b"mvhd": 24, b"tkhd": 28, b"elst": 16, b"mdhd": 24}
_RATE = slice(20, 24)  # in `mvhd` and `mdhd`
_MAX_32_BITS = 0xFFFF_FFFF
_CHUNK_BYTES = 1 << 20  # a chunk has fewer

LONGEST_SAMPLES = (1 << 31) - 1  # beyond, these boxes would be of another version


@dataclass(frozen=True, slots=True)
class Index:
    """What an index says of the media: the size of each packet, and where in the file the first one begins."""

    sizes: array[int]
    media_at: int
    samples: int
    frame_samples: int


def joined_index(moov: bytes, index: Index) -> bytes:
    """The box `moov` of a piece, changed so that it describes the joined media.

    Raises JoinError where it is not the index of one audio track, or its fields cannot state so great a length.
    """
    last = index.samples - (len(index.sizes) - 1) * index.frame_samples
    if not index.sizes or not 0 < last <= index.frame_samples:
        raise JoinError("the packets do not end where the sound does")
    media = child_of(child_of(child_of(moov, b"trak"), b"mdia"), b"mdhd")
    rates = {header[_RATE] for header in (child_of(moov, b"mvhd"), media)}
    if len(rates) != 1 or index.samples > LONGEST_SAMPLES:
        raise JoinError("the index of a piece is not one that can be changed")
    chunks = _chunks(index.sizes)
    length = index.samples.to_bytes(4, "big")
    changes = {kind: _patch(at, length) for kind, at in _LENGTHS.items()}
    changes |= {
        b"stts": lambda _: _durations(len(index.sizes), index.frame_samples, last),
        b"stsz": lambda _: _sizes(index.sizes),
        b"stsc": lambda _: _packets_of_chunks(chunks),
        b"stco": lambda _: _offsets(index, chunks),
        b"co64": lambda _: _offsets(index, chunks),
    }
    return _changed(moov, changes)


def _changed(parent: bytes, changes: Mapping[bytes, Callable[[bytes], bytes]]) -> bytes:
    kind = parent[4:8]
    if kind in _PARENTS:
        return box(kind, b"".join(_changed(child, changes) for _, child in children_of(parent)))
    return changes[kind](parent) if kind in changes else parent


def _patch(at: int, content: bytes) -> Callable[[bytes], bytes]:
    def patched(each: bytes) -> bytes:
        if each[8]:
            raise JoinError("a box of a piece has another version")
        return each[:at] + content + each[at + len(content) :]

    return patched


def _durations(count: int, samples: int, last: int) -> bytes:
    return _table(b"stts", ">II", [(count, samples)] if last == samples else [(count - 1, samples), (1, last)])


def _sizes(sizes: array[int]) -> bytes:
    same = sizes[0] if sizes.count(sizes[0]) == len(sizes) else 0
    table = b"" if same else struct.pack(f">{len(sizes)}I", *sizes)
    return box(b"stsz", struct.pack(">III", 0, same, len(sizes)) + table)


def _chunks(sizes: array[int]) -> list[int]:
    """How many packets each chunk has: as many as fit."""
    counts, filled = [0], 0
    for size in sizes:
        if counts[-1] and filled + size >= _CHUNK_BYTES:
            counts.append(0)
            filled = 0
        counts[-1] += 1
        filled += size
    return counts


def _packets_of_chunks(chunks: Sequence[int]) -> bytes:
    begins = [0, *(number for number, (before, after) in enumerate(pairwise(chunks), 1) if before != after)]
    return _table(b"stsc", ">III", [(1 + number, chunks[number], 1) for number in begins])


def _offsets(index: Index, chunks: Sequence[int]) -> bytes:
    offsets, at, packet = [], index.media_at, 0
    for count in chunks:
        offsets.append(at)
        at += sum(index.sizes[packet : packet + count])
        packet += count
    is_wide = at - index.sizes[-1] > _MAX_32_BITS
    return _table(b"co64" if is_wide else b"stco", ">Q" if is_wide else ">I", [(offset,) for offset in offsets])


def _table(kind: bytes, layout: str, rows: Sequence[tuple[int, ...]]) -> bytes:
    return box(kind, struct.pack(">II", 0, len(rows)) + b"".join(struct.pack(layout, *row) for row in rows))
