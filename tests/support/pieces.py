"""Encoded pieces as joiners get them, and the file that becomes of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.support.frames import reader
from worker.domain.splitting.joiner import EncodedPiece, Joiner
from worker.domain.tags.mp4_writing import box

RATE_HZ, FRAME = 44_100, 4096
FRONT = box(b"ftyp", b"M4A \0\0\2\0") + box(b"free", b"")


def an_index(sizes: Sequence[int], media_at: int, *, samples: int = 0, version: int = 0) -> bytes:
    """The box `moov` of one track of packets, in one chunk. Without `samples` its boxes state no length."""
    count = len(sizes)
    last = samples - (count - 1) * FRAME if samples else FRAME
    times = [(count - 1, FRAME), (1, last)] if last < FRAME else [(count, FRAME)]
    same = sizes[0] if len(set(sizes)) == 1 else 0
    head = struct.pack(">B3xII", version, 0, 0)
    stbl = (
        box(b"stsd", bytes(8) + box(b"alac", bytes(28))),
        box(b"stts", struct.pack(">II", 0, len(times)) + b"".join(struct.pack(">II", *each) for each in times)),
        box(b"stsc", struct.pack(">5I", 0, 1, 1, count, 1)),
        box(b"stsz", struct.pack(">III", 0, same, count) + (b"" if same else struct.pack(f">{count}I", *sizes))),
        box(b"stco", struct.pack(">3I", 0, 1, media_at)),
    )
    mdhd = box(b"mdhd", head + struct.pack(">III", RATE_HZ, samples, 0))
    tkhd = box(b"tkhd", bytes(20) + struct.pack(">I", samples) + bytes(60))
    edts = box(b"edts", box(b"elst", struct.pack(">5I", 0, 1, samples, 0, 0x10000)))
    mdia = box(b"mdia", mdhd + box(b"minf", box(b"stbl", b"".join(stbl))))
    mvhd = box(b"mvhd", head + struct.pack(">II", RATE_HZ, samples) + bytes(80))
    return box(b"moov", mvhd + box(b"trak", tkhd + edts + mdia))


def an_mp4(packets: Sequence[bytes], *, samples: int = 0) -> bytes:
    index = an_index([len(packet) for packet in packets], len(FRONT) + 8, samples=samples)
    return FRONT + box(b"mdat", b"".join(packets)) + index


def a_piece(data: bytes, first: int, begin: int, end: int | None, samples: int) -> EncodedPiece:
    return EncodedPiece(reader(data), len(data), samples, first, begin, end)


def joined(joiner: Joiner, *pieces: EncodedPiece) -> bytes:
    """The whole file, once its patches are written."""
    data = bytearray()
    for piece in pieces:
        data += b"".join(joiner.add(piece))
    data += b"".join(joiner.finish())
    for offset, content in joiner.patches():
        data[offset : offset + len(content)] = content
    return bytes(data)
