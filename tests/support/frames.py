"""Frames and tags as bytes, and bytes read as a file is."""

from __future__ import annotations

import struct
from functools import partial

from worker.domain.containers.structure import ReadAt

MPEG_FRAME = b"\xff\xfb\x90\x64" + bytes(413)  # 128 kbit/s at 44.1 kHz: 417 bytes
ADTS_FRAME = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)  # 16 bytes
ID3_TAG = b"ID3\x04\0\0\0\0\x02\x01" + bytes(257)
APE_IN_FRONT = b"APETAGEX" + struct.pack("<IIII", 2000, 82, 1, 0xA000_0000) + bytes(8) + bytes(82)


def reader(data: bytes) -> ReadAt:
    return partial(_read_at, data)


def _read_at(data: bytes, offset: int, size: int) -> bytes:
    return data[offset : offset + size]
