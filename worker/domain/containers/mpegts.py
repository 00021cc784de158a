"""MPEG transport streams (ISO 13818-1): packets of 188 bytes, with a time stamp in front 192, with a checksum 204.

A recording begins and ends with any packet; what lies before the first or behind the last is no sound. Packets that
are missing in between show in the counters, lengths and clocks of the audio streams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from worker.domain.containers.mpegts_packets import (
    PACKET_SIZES,
    SYNC,
    Counter,
    Sound,
    format_of,
    is_certain_sound,
    is_of_pictures,
    is_row,
    payload_of,
    runs,
    sound_of,
)
from worker.domain.containers.structure import (
    BYTES_BEHIND,
    CUT_OFF,
    MAX_PARTS,
    ReadAt,
    Structure,
    damaged,
    range_to,
)
from worker.domain.containers.succession import Tracks, clock_of, is_jump
from worker.domain.containers.zeros import ZEROS_AMID_SOUND, zeros_are_behind, zeros_begin_before

_HEAD_BYTES = 5 * 204  # five packets, the longest that there are
_TAIL_BYTES = 1 << 18
_PACKET_BYTES = 188
_BEGINS = 0x40  # of the second byte of a transport packet: a packet of the stream begins in it
_BEGINNING = re.compile(rb"[\x40-\x7f\xc0-\xff]")  # that byte of such a packet
_PROGRAMS = 0  # the number of the stream with the table of all programmes
_NULL_PACKET = b"\x1f\xff"
_PACKETS_MISSING = damaged("packets of the MPEG transport stream are missing")
_MARKED = "{} audio packets were received with errors, as their receiver has marked them"
_LAST_INCOMPLETE = "the MPEG transport stream ends within an audio packet"


@dataclass(slots=True)
class _Stream:
    """An audio stream; where it is not certain, it may be one of subtitles."""

    is_certain: bool
    sound: Sound = field(default_factory=Sound)
    end: int = 0  # of its last packet
    format: tuple[int, int] | None = None  # of the last frame that an audio packet began with
    recording: int = 0  # how many recordings of other formats are before this one; MAX_PARTS is too many already

    def take_format(self, packet: bytes, clock: int | None, tables_at: int | None) -> None:
        """Take the format of the frame that an audio packet begins with. Bytes within a frame may look like one, too.

        So another format begins a recording only where the clock jumps as well, and behind tables, which a demuxer
        needs there.
        """
        found, before = format_of(payload_of(packet)), self.sound.clock
        if found is not None:
            has_jumped = clock is not None and before is not None and is_jump(before, clock)
            if self.format not in {None, found} and has_jumped and tables_at is not None and tables_at >= self.end:
                self.recording = min(self.recording + 1, MAX_PARTS)
            self.format = found


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a packet, and no audio packet is missing."""
    head = read_at(start, _HEAD_BYTES)
    for packet_bytes, sync in PACKET_SIZES:
        if is_row(head, packet_bytes, sync):
            end = _end_of_packets(read_at, start, size, packet_bytes, sync)
            if end is None or end > size:
                return Structure(start, size, problem=CUT_OFF)
            tracks = Tracks()
            sounds, is_broken = _read(read_at, start, end, packet_bytes, sync, tracks)
            has_lost = is_broken or any(sound.has_lost for sound in sounds)
            if not has_lost and any(sound.is_doubtful for sound in sounds):
                has_lost = _jumps(read_at, start, end, packet_bytes, sync)
            is_incomplete = any(sound.is_incomplete for sound in sounds)
            are_zeros_sound = zeros_begin_before(read_at, end, size) or (
                is_incomplete and zeros_are_behind(read_at, end, size)
            )
            marked = sum(sound.marked_packets for sound in sounds)
            succession = tracks.succession(start, end)
            problem = ZEROS_AMID_SOUND if are_zeros_sound else succession.problem
            return Structure(
                start,
                end,
                problem=_PACKETS_MISSING if has_lost else problem,
                parts=succession.parts,
                probe_bytes=tracks.probe_bytes,
                repairs=(
                    *([BYTES_BEHIND] if end < size else []),
                    *([_LAST_INCOMPLETE] if is_incomplete else []),
                    *([_MARKED.format(marked)] if marked else []),
                ),
                read_range=range_to(end, size),
            )
    return Structure(start, size)


def _end_of_packets(read_at: ReadAt, start: int, size: int, packet_bytes: int, sync: int) -> int | None:
    """Where the last packet ends that follows others; behind the file's end if it is cut. None where there is none.

    Zeros behind it may be any length.
    """
    end, window = size, b""
    while end > start and not window.strip(b"\0"):
        begin = max(start, end - _TAIL_BYTES)
        window = read_at(begin, end - begin)
        at = len(window)
        while (at := window.rfind(SYNC, 0, at)) >= 0:
            first = at - sync - 4 * packet_bytes
            if first >= 0 and is_row(window, packet_bytes, sync, begin=first):
                return begin + at - sync + packet_bytes
        end = begin
    return None


def _read(
    read_at: ReadAt, start: int, end: int, packet_bytes: int, sync: int, tracks: Tracks
) -> tuple[list[Sound], bool]:
    """Each audio stream, and whether the row of packets is broken before the first of them begins.

    Packets of what is certain to be sound are added to `tracks`.
    """
    reading = _Reading(tracks)
    is_broken, expected = False, start
    for offset, run in runs(read_at, start, end, packet_bytes, sync):
        is_broken |= offset != expected and not reading.streams
        expected = offset + len(run)
        highs, lows = run[sync + 1 :: packet_bytes], run[sync + 2 :: packet_bytes]
        begins = [found.start() for found in _BEGINNING.finditer(highs)]
        known = set(reading.streams)
        for index in begins:
            number = (highs[index] & 31) << 8 | lows[index]
            if number not in known and sound_of(_packet(run, index, packet_bytes, sync)):
                known.add(number)
        for index in sorted({*begins, *_with_low_bytes(lows, {number & 0xFF for number in known})}):
            number, at = (highs[index] & 31) << 8 | lows[index], offset + index * packet_bytes
            if number in known:
                reading.add(number, _packet(run, index, packet_bytes, sync), at, at + packet_bytes)
            elif number == _PROGRAMS:
                reading.tables_at = at
    sounds_found = [*reading.ended, *(stream.sound for stream in reading.streams.values())]
    return sounds_found, is_broken and bool(sounds_found)


@dataclass(slots=True)
class _Reading:
    """The audio streams, as far as the file has been read.

    Where files were joined, a number may be that of pictures in one and of sound in another.
    """

    tracks: Tracks
    streams: dict[int, _Stream] = field(default_factory=dict)
    ended: list[Sound] = field(default_factory=list)
    tables_at: int | None = None  # the last table of all programmes

    def add(self, number: int, packet: bytes, at: int, end: int) -> None:
        """Take a packet of a stream that has sound here, or somewhere in the file."""
        begins = bool(packet[1] & _BEGINS)
        stream = self.streams.get(number)
        if stream is None:
            if not sound_of(packet):
                return
            stream = self.streams[number] = _Stream(is_certain_sound(packet))
        elif begins and is_of_pictures(packet):
            self.ended.append(self.streams.pop(number).sound)
            return
        if stream.is_certain:
            clock = clock_of(payload_of(packet)) if begins else None
            if begins:
                stream.take_format(packet, clock, self.tables_at)
            self.tracks.add((stream.recording, number), at, end, clock, described=self.tables_at)
        stream.sound.add(packet)
        stream.end = end


def _with_low_bytes(lows: bytes, wanted: set[int]) -> Iterator[int]:
    """The packets whose stream has one of these as the low byte of its number; no loop over all packets, for speed."""
    if wanted:
        pattern = re.compile(b"[" + re.escape(bytes(sorted(wanted))) + b"]")
        yield from (found.start() for found in pattern.finditer(lows))


def _jumps(read_at: ReadAt, start: int, end: int, packet_bytes: int, sync: int) -> bool:
    """Whether the counter of any stream jumps, be it one of pictures or tables."""
    counters: dict[tuple[int, int], Counter] = {}
    for _, run in runs(read_at, start, end, packet_bytes, sync):
        for index in range(len(run) // packet_bytes):
            packet = _packet(run, index, packet_bytes, sync)
            counter = counters.setdefault((packet[1] & 31, packet[2]), Counter())
            if packet[1:3] != _NULL_PACKET and counter.take(packet) is not None and counter.has_jumped:
                return True
    return False


def _packet(run: bytes, index: int, packet_bytes: int, sync: int) -> bytes:
    begin = index * packet_bytes + sync
    return run[begin : begin + _PACKET_BYTES].ljust(_PACKET_BYTES, b"\0")
