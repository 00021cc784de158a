"""Pages of Ogg, taken apart and put together."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from worker.domain.containers.ogg_pages import page_checksum

FIRST, LAST = 2, 4


def page(body: bytes, *, number: int, granule: int = 0, serial: int = 7, flags: int = 0) -> bytes:
    """A page of one packet, with the right checksum."""
    return page_of([body], number=number, granule=granule, serial=serial, flags=flags)


def page_of(packets: Sequence[bytes], *, number: int, granule: int = 0, serial: int = 7, flags: int = 0) -> bytes:
    """A page of whole packets."""
    lacing = b"".join(b"\xff" * (len(each) // 255) + bytes([len(each) % 255]) for each in packets)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, number, 0, len(lacing))
    return sealed(head + lacing + b"".join(packets))


def sealed(raw: bytes) -> bytes:
    """The page with the checksum that its bytes have."""
    return raw[:22] + struct.pack("<I", page_checksum(raw)) + raw[26:]


def split(data: bytes) -> list[bytes]:
    """The pages of a file, by the lengths that they state."""
    return list(_split(data))


def _split(data: bytes) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        lacing = data[offset + 27 : offset + 27 + data[offset + 26]]
        end = offset + 27 + len(lacing) + sum(lacing)
        yield data[offset:end]
        offset = end


def without_last_mark(data: bytes) -> bytes:
    """The file as recorders write that never set the end-of-stream flag."""
    return b"".join(_unmarked(split(data)))


def _unmarked(pages: Iterable[bytes]) -> Iterator[bytes]:
    for raw in pages:
        yield sealed(raw[:5] + bytes([raw[5] & ~LAST]) + raw[6:])


def later(data: bytes, granules: int) -> bytes:
    """The file with its sound so much later, as in a recording of a live stream."""
    return b"".join(_later(split(data), granules))


def _later(pages: Iterable[bytes], granules: int) -> Iterator[bytes]:
    for raw in pages:
        (granule,) = struct.unpack_from("<q", raw, 6)
        yield sealed(raw[:6] + struct.pack("<q", granule + granules) + raw[14:]) if granule > 0 else raw


def joined_late(data: bytes, missing: int) -> bytes:
    """The file without so many of its first pages with sound, and the others numbered in a row."""
    pages = split(data)
    headers = [raw for raw in pages if struct.unpack_from("<q", raw, 6) == (0,)]
    kept = [*headers, *pages[len(headers) + missing :]]
    return b"".join(sealed(raw[:18] + struct.pack("<I", number) + raw[22:]) for number, raw in enumerate(kept))
