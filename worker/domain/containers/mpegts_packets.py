"""Packets of an MPEG transport stream, and the audio packets that they carry (ISO 13818-1, sections 2.4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from worker.domain.containers import ac3, adts, dts, mp3
from worker.domain.containers.structure import ReadAt
from worker.domain.containers.succession import CLOCK_HZ, clock_of

PACKET_SIZES = ((188, 0), (192, 4), (204, 0))  # bytes of a packet, and where in it the sync byte stands
SYNC = 0x47
_IN_A_ROW = 5
_PACKETS_AT_ONCE = 4096
_CLOCK_TURN = 1 << 33
# A longer gap is another recording that was joined; a gap of less than half an audio packet is rounding.
_LONGEST_GAP = 3600 * CLOCK_HZ
_MORE_THAN_A_PACKET = 1.5
_PRIVATE = {0xBD, 0xFD}  # the numbers of private packets
_FRAMES = (
    (mp3.KIND, mp3.format_bits),
    (adts.KIND, adts.format_bits),
    (ac3.AC3, ac3.ac3_format_bits),
    (ac3.EAC3, ac3.eac3_format_bits),
    (dts.KIND, dts.format_bits),
)
_HEADER_BYTES = 16  # more than any of their headers has
_PICTURES = [bytes([0xE0 | number]) for number in range(16)]  # the numbers of their packets
_SYNC_WORDS = (b"\x0b\x77", b"\x7f\xfe\x80\x01", b"\x7f\xe0")  # of AC-3 and E-AC-3, DTS, Opus


def is_row(data: bytes, packet_bytes: int, sync: int, *, begin: int = 0) -> bool:
    """Whether packets follow each other from `begin`, by their sync bytes."""
    first = begin + sync
    row = data[first : first + _IN_A_ROW * packet_bytes : packet_bytes]
    return row == bytes([SYNC]) * _IN_A_ROW


def runs(read_at: ReadAt, start: int, end: int, packet_bytes: int, sync: int) -> Iterator[tuple[int, bytes]]:
    """The stretches in which packets follow each other: the offset and the bytes of up to some thousands of packets.

    Where the row is broken, the next one is searched byte by byte: a sync byte alone is no packet.
    """
    offset, is_in_row = start, True
    while offset < end and (block := read_at(offset, min(packet_bytes * _PACKETS_AT_ONCE, end - offset))):
        syncs = block[sync::packet_bytes]
        whole = len(syncs) - len(syncs.lstrip(bytes([SYNC])))
        if whole and is_in_row:
            yield offset, block[: whole * packet_bytes]
            offset += whole * packet_bytes
            is_in_row = whole == len(syncs)
        else:
            found = _next_row(block, packet_bytes, sync)
            offset += max(1, len(block) - _IN_A_ROW * packet_bytes) if found is None else found
            is_in_row = found is not None


def _next_row(block: bytes, packet_bytes: int, sync: int) -> int | None:
    at = block.find(SYNC, sync)
    while at >= 0:
        if is_row(block, packet_bytes, sync, begin=at - sync):
            return at - sync
        at = block.find(SYNC, at + 1)
    return None


@dataclass(slots=True)
class Counter:
    """The counter of the packets of one stream, of four bits (section 2.4.3.3)."""

    last: bytes = b""
    has_jumped: bool = False  # at the packet that was taken last

    def take(self, packet: bytes) -> bytes | None:
        """What the packet carries; None where it carries nothing, or is sent a second time."""
        fields = packet[3] >> 4 & 3
        if fields & 2 and packet[4] and packet[5] & 0x80:
            self.last = b""  # a discontinuity that is announced
        if not fields & 1 or packet == self.last:
            return None
        self.has_jumped = bool(self.last) and packet[3] & 15 != self.last[3] + 1 & 15
        self.last = packet
        return packet[5 + packet[4] if fields & 2 else 4 :]


@dataclass(slots=True)
class Sound:
    """One audio stream: the counter of its packets, the lengths of what they carry, and its clock.

    `has_lost` is set where packets are missing within it. A counter that jumps between two audio packets is no
    loss where the clock goes on or back, as it does where files were joined.
    """

    counter: Counter = field(default_factory=Counter)
    stated_bytes: int | None = None  # of the audio packet that is being read; None where it is not stated
    bytes_read: int = 0
    has_begun: bool = False
    clock: int | None = None
    interval: int = 0  # of the clock, from one audio packet to the next; 0: not yet known
    has_lost: bool = False
    marked_packets: int = 0  # which their receiver marked as damaged (section 2.4.3.3)
    is_doubtful: bool = False  # the clock jumps and the counter does not: a pause, or a multiple of 16 packets
    _longest_jump: int = 0  # of the clock, where the counter jumps, too

    def add(self, packet: bytes) -> None:
        """Take a transport packet of 188 bytes."""
        self.marked_packets += packet[1] >> 7
        payload = self.counter.take(packet)
        if payload is None:
            return
        if packet[1] & 0x40:
            self._begin(payload)
        elif self.has_begun:
            self.has_lost |= self.counter.has_jumped
            self.bytes_read += len(payload)

    @property
    def is_incomplete(self) -> bool:
        """Whether less has been read of the present audio packet than it states."""
        return self.has_begun and self.stated_bytes is not None and self.bytes_read < self.stated_bytes

    def _begin(self, payload: bytes) -> None:
        self.has_lost |= self.is_incomplete
        length = int.from_bytes(payload[4:6], "big")
        self.stated_bytes = length + 6 if length else None
        self.bytes_read, self.has_begun = len(payload), True
        clock = clock_of(payload)
        if clock is not None:
            if self.clock is not None:
                self._compare((clock - self.clock) % _CLOCK_TURN)
            self.clock = clock

    def _compare(self, passed: int) -> None:
        if passed > _LONGEST_GAP:
            self._begin_recording()
            return
        if self.counter.has_jumped and self.interval and passed <= self.interval * _MORE_THAN_A_PACKET:
            self._begin_recording()
        elif self.counter.has_jumped:
            self._longest_jump = max(self._longest_jump, passed)
        elif not self.interval or passed <= self.interval * _MORE_THAN_A_PACKET:
            self.interval = max(self.interval, passed)
        else:
            self.is_doubtful = True
        self.has_lost |= bool(self.interval) and self._longest_jump > self.interval * _MORE_THAN_A_PACKET

    def _begin_recording(self) -> None:
        """Files were joined here, and the audio packets of the next may be further apart."""
        if self.interval:
            self.interval = self._longest_jump = 0


def sound_of(packet: bytes) -> bool:
    """Whether a transport packet begins an audio packet: MPEG audio and AAC, or private, as AC-3 and Opus."""
    if not packet[1] & 0x40 or not packet[3] & 0x10:
        return False
    payload = payload_of(packet)
    return len(payload) > 8 and payload[:3] == b"\0\0\1" and (_is_mpeg_audio(payload) or payload[3] in _PRIVATE)


def is_certain_sound(packet: bytes) -> bool:
    """Whether a packet that `sound_of` accepts is certainly sound: private packets may have subtitles."""
    payload = payload_of(packet)
    return _is_mpeg_audio(payload) or payload[9 + payload[8] :].startswith(_SYNC_WORDS)


def is_of_pictures(packet: bytes) -> bool:
    """Whether a transport packet begins a packet of a video stream."""
    payload = payload_of(packet) if packet[3] & 0x10 else b""
    return payload[:3] == b"\0\0\1" and payload[3:4] in _PICTURES


def payload_of(packet: bytes) -> bytes:
    """The payload of a transport packet that has one."""
    return packet[5 + packet[4] if packet[3] & 0x20 else 4 :]


def format_of(payload: bytes) -> tuple[int, int] | None:
    """Codec, rate and channels of the frame that an audio packet begins with; None where none does."""
    head = payload[9 + int.from_bytes(payload[8:9], "big") :]
    if len(head) < _HEADER_BYTES:
        return None
    found = enumerate(_FRAMES)
    return next(((codec, bits(head, 0)) for codec, (kind, bits) in found if kind.measure(head, 0) is not None), None)


def _is_mpeg_audio(payload: bytes) -> bool:
    return 0xC0 <= payload[3] < 0xE0
