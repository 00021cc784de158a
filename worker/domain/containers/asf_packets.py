"""The data packets of ASF, and the media objects of sound in them (ASF specification 01.20.03, section 5.2).

A demuxer that meets a damaged packet searches for the next, and reports no error. Media objects have numbers and
sizes, so what is missing shows.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from worker.domain.containers.structure import ReadAt

_BYTES_OF_TYPE = (0, 1, 2, 4)
_PACKETS_AT_ONCE = 64


class _DamagedError(Exception):
    """The bytes are no packet."""


class _Payload(NamedTuple):
    stream: int
    number: int  # of its first object
    number_bytes: int
    offset: int  # in that object
    object_bytes: int
    bytes: int
    objects: int = 1  # how many it has, which are whole where it has several


@dataclass(slots=True)
class _Sound:
    """One audio stream: the object that is being read."""

    number: int | None = None
    object_bytes: int = 0
    read_bytes: int = 0
    has_lost: bool = False

    @property
    def is_incomplete(self) -> bool:
        return self.read_bytes < self.object_bytes

    def add(self, payload: _Payload) -> None:
        if payload.offset == 0:
            expected = None if self.number is None else (self.number + 1) % (1 << 8 * payload.number_bytes)
            self.has_lost |= self.is_incomplete or (expected is not None and payload.number != expected)
        elif self.number is not None:
            self.has_lost |= payload.number != self.number or payload.offset != self.read_bytes
        self.number = payload.number + payload.objects - 1
        self.object_bytes = payload.object_bytes
        self.read_bytes = payload.offset + payload.bytes


def has_lost_sound(
    read_at: ReadAt, begin: int, count: int, packet_bytes: int, sound_streams: Container[int], *, may_begin_amid: bool
) -> bool:
    """Whether one of the `count` packets from `begin` is damaged, or an object of sound is missing or not whole."""
    sounds: dict[int, _Sound] = {}
    try:
        for payload in _payloads(read_at, begin, count, packet_bytes):
            if payload.stream not in sound_streams:
                continue
            sound = sounds.setdefault(payload.stream, _Sound())
            if payload.offset and sound.number is None and not may_begin_amid:
                return True
            sound.add(payload)
    except (_DamagedError, IndexError):
        return True
    return any(sound.has_lost or sound.is_incomplete for sound in sounds.values())


def _payloads(read_at: ReadAt, begin: int, count: int, packet_bytes: int) -> Iterator[_Payload]:
    for first in range(0, count, _PACKETS_AT_ONCE):
        packets = min(_PACKETS_AT_ONCE, count - first)
        block = read_at(begin + first * packet_bytes, packets * packet_bytes)
        for at in range(0, packets * packet_bytes, packet_bytes):
            yield from _payloads_of(block[at : at + packet_bytes], packet_bytes)


def _payloads_of(packet: bytes, packet_bytes: int) -> Iterator[_Payload]:
    """The payloads of one packet. Raises _DamagedError or IndexError where the bytes are no packet."""
    at = 0
    if packet[0] & 0x80:  # error correction data, of a length that is written in half a byte
        if packet[0] & 0x70:
            raise _DamagedError
        at = 1 + (packet[0] & 15)
    flags, properties = packet[at], packet[at + 1]
    length_bytes, sequence_bytes, padding_bytes = (_BYTES_OF_TYPE[flags >> shift & 3] for shift in (5, 1, 3))
    at += 2
    end = _number(packet, at, length_bytes) if length_bytes else packet_bytes
    at += length_bytes + sequence_bytes
    end -= _number(packet, at, padding_bytes)
    at += padding_bytes + 6  # and the times of sending and playing
    if flags & 0x80 or properties >> 6 != 1 or not at < end <= packet_bytes or len(packet) < packet_bytes:
        raise _DamagedError
    if not flags & 1:
        yield _payload(packet, at, properties, 0, end)[0]
        return
    payloads, size_bytes = packet[at] & 63, _BYTES_OF_TYPE[packet[at] >> 6]
    at += 1
    for _ in range(payloads):
        payload, at = _payload(packet, at, properties, size_bytes, end)
        yield payload


def _payload(packet: bytes, at: int, properties: int, size_bytes: int, end: int) -> tuple[_Payload, int]:
    """The payload, and the offset behind it. Without a size of its own it reaches to the end."""
    replicated_bytes, offset_bytes, number_bytes = (_BYTES_OF_TYPE[properties >> shift & 3] for shift in (0, 2, 4))
    stream = packet[at] & 127
    number = _number(packet, at + 1, number_bytes)
    at += 1 + number_bytes
    offset = _number(packet, at, offset_bytes)
    at += offset_bytes
    replicated = _number(packet, at, replicated_bytes)
    at += replicated_bytes
    object_bytes = _number(packet, at, 4) if replicated >= 8 else 0
    at += replicated
    size = _number(packet, at, size_bytes) if size_bytes else end - at
    at += size_bytes
    behind = at + size
    if size < 1 or behind > end:
        raise _DamagedError
    if replicated == 1:  # several whole objects; what stands for the offset is a time
        return _Payload(stream, number, number_bytes, 0, size, size, _count_objects(packet, at, behind)), behind
    return _Payload(stream, number, number_bytes, offset, object_bytes, size), behind


def _count_objects(packet: bytes, at: int, end: int) -> int:
    """How many objects there are, each behind a byte with its size. Raises _DamagedError where they do not fit."""
    count = 0
    while at < end:
        at += 1 + packet[at]
        count += 1
    if at != end:
        raise _DamagedError
    return count


def _number(packet: bytes, at: int, size: int) -> int:
    return int.from_bytes(packet[at : at + size], "little")
