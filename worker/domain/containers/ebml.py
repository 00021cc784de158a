"""Elements of EBML, the structure below Matroska (RFC 8794)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from worker.domain.containers.reading import BlockReader

_LONGEST_HEADER_BYTES = 12
VOID, CRC32 = 0xEC, 0xBF


class DamagedError(Exception):
    """The bytes are no elements, or an element does not end within its parent."""


class Element(NamedTuple):
    """An element: its header begins at `begin`, its content lies from `body` to `end` (None: not known)."""

    identifier: int
    begin: int
    body: int
    end: int | None


def element_at(reader: BlockReader, offset: int) -> Element | None:
    """The element at an offset. None where no element can begin with these bytes, or its header is cut."""
    data = reader.at(offset, _LONGEST_HEADER_BYTES)
    if not data or data[0] < 0x10:
        return None
    id_bytes = 9 - data[0].bit_length()
    size = variable_integer(data[id_bytes:])
    if size is None:
        return None
    length, size_bytes = size
    body = offset + id_bytes + size_bytes
    is_unknown = length == (1 << 7 * size_bytes) - 1
    return Element(int.from_bytes(data[:id_bytes], "big"), offset, body, None if is_unknown else body + length)


def variable_integer(data: bytes) -> tuple[int, int] | None:
    """The number that the bytes begin with, and its length in bytes (RFC 8794, section 4); None where it is cut."""
    if not data or not data[0]:
        return None
    size = 9 - data[0].bit_length()
    if len(data) < size:
        return None
    return int.from_bytes(data[:size], "big") & ((1 << 7 * size) - 1), size


def children(reader: BlockReader, begin: int, end: int, *, most: int = 10_000) -> Iterator[Element]:
    """The elements between two offsets. Raises DamagedError where they do not fill the place, or are too many."""
    for _ in range(most):
        if begin >= end:
            return
        element = element_at(reader, begin)
        if element is None or element.end is None or element.end > end:
            raise DamagedError
        yield element
        begin = element.end
    raise DamagedError


def unsigned(reader: BlockReader, element: Element) -> int:
    """The value of an unsigned integer element. Raises DamagedError where it has more than 8 bytes."""
    if element.end is None or element.end - element.body > 8:
        raise DamagedError
    return int.from_bytes(reader.at(element.body, element.end - element.body), "big")
