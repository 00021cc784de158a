"""Headers of WAV and MP4, field by field."""

from __future__ import annotations

import struct

PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")


def a_format(*, tag: int = 1, channels: int = 2, bits: int = 16, align: int | None = None, rest: bytes = b"") -> bytes:
    align = channels * bits // 8 if align is None else align
    return struct.pack("<HHIIHH", tag, channels, 44100, 44100 * align, align, bits) + rest


def extensible(*, mask: int, valid_bits: int = 16, channels: int = 2, guid: bytes = PCM_GUID) -> bytes:
    return a_format(tag=0xFFFE, channels=channels, rest=struct.pack("<HHI", 22, valid_bits, mask) + guid)


def esds(configuration: bytes, *, kind: int = 0x40) -> bytes:
    specific = b"\x05" + bytes((len(configuration),)) + configuration
    decoder = b"\x04" + bytes((13 + len(specific), kind, 0x15)) + bytes(11) + specific
    whole = b"\0\0\0\0\x03" + bytes((3 + len(decoder),)) + b"\0\1\0" + decoder
    return box(b"esds", whole)


def box(kind: bytes, *contents: bytes) -> bytes:
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body), kind) + body


LONG = struct.pack(">IIIII", 0, 0, 0, 1000, 2000)  # of a movie or a track: 2 s
LC = b"\x12\x10"  # AAC-LC, 44.1 kHz, stereo


def an_m4a(
    configuration: bytes = esds(LC),
    *,
    edits: bytes = b"",
    tracks: int = 1,
    handler: bytes = b"soun",
    more: bytes = b"",
) -> bytes:
    entry = box(b"mp4a", bytes(6), b"\0\1", bytes(8), struct.pack(">HHHHI", 2, 16, 0, 0, 44100 << 16), configuration)
    stsd = box(b"stsd", bytes(4), b"\0\0\0\1", entry)
    media = box(b"mdia", box(b"mdhd", LONG), box(b"hdlr", bytes(8), handler), box(b"minf", box(b"stbl", stsd)))
    track = box(b"trak", box(b"edts", box(b"elst", edits)) if edits else b"", media)
    return box(b"ftyp", b"M4A ") + box(b"mdat", bytes(64)) + box(b"moov", box(b"mvhd", LONG), track * tracks, more)


def an_edit(count: int = 1, length: int = 1500, begin: int = 1024) -> bytes:
    return struct.pack(">IIIiHH", 0, count, length, begin, 1, 0)
