"""Tracks of sound that follow each other in one file: recordings that were joined, each with another track.

A demuxer takes one of the tracks that it finds, and plays nothing of the others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import pairwise

from worker.domain.containers.structure import JOINED, MAX_PARTS, Structure

CLOCK_HZ = 90_000
CLOCK_BYTES = 6 + 16 + 2 + 5  # of a packet: start code and length, stuffing, a buffer's size, the time stamp
_CLOCK_TURN = 1 << 33
_STAMPS_BYTES = {2: 5, 3: 10}  # of one time stamp and of two in MPEG-1; where there is none, a byte says so
_LONGEST_STEP = round(0.75 * CLOCK_HZ)  # streams have a time stamp every 0.7 s (ISO 13818-1, section 2.7.4)
# How far another track can go on between two packets of one: a packet comes at most 1 s before it is heard (2.4.2).
_LONGEST_LEAD = _LONGEST_STEP + 2 * CLOCK_HZ
# A demuxer that knows tracks by their packets keeps in memory what it reads until it has found them.
MAX_PROBE_BYTES = 128 << 20
_FAR_BYTES = 4 << 20  # FFmpeg reads 5 MB by itself
_FIRST_FRAMES_BYTES = 1 << 20  # of a track, with the pictures between them
_MAX_STRETCHES = 4 * MAX_PARTS  # while the file is read: later packets can show that some are one


@dataclass(slots=True)
class _Stretch:
    """Where sound begins and ends in the file. `described` is where its first track is described (None: nowhere).

    `resumes` is the index of the stretch from which a clock goes on; its own index where none does.
    """

    described: int | None
    begin: int
    end: int
    resumes: int
    passed: int = 0  # how much time, by the clock of the track that has gone furthest in it


@dataclass(slots=True)
class _Track:
    """The last packet of an audio track."""

    at: int = -1
    clock: int | None = None
    passed: int = 0  # how much time, by its clock since it began a stretch, without jumps

    def advance(self, clock: int) -> bool:
        """Take the time stamp of the next packet; False where it is a jump."""
        before, self.clock = self.clock, clock
        if before is None:
            return True
        if is_jump(before, clock):
            return False
        self.passed += (clock - before) % _CLOCK_TURN
        return True


@dataclass(frozen=True, slots=True)
class Succession:
    """One part for each stretch of the file with tracks of its own; no parts where all tracks are in one stretch."""

    parts: tuple[Structure, ...] = ()
    problem: str | None = None


@dataclass(slots=True)
class Tracks:
    """Stretches of a file with tracks of their own, found packet by packet. Its memory is bounded.

    A stretch ends where another track begins, and is extended where a later packet shows that both are heard at once.
    """

    _tracks: defaultdict[Hashable, _Track] = field(default_factory=lambda: defaultdict(_Track))
    _stretches: list[_Stretch] = field(default_factory=list)
    _last_begins_at: int = 0  # of those tracks that a demuxer can find, the one that begins last

    def add(self, name: Hashable, begin: int, end: int, clock: int | None, described: int | None) -> None:
        """The next audio packet in the file, with its time stamp in units of 1/90,000 s where it has one.

        Packets with the same `name` belong to one track.
        """
        stretches, track = self._stretches, self._tracks[name]
        if track.at < 0 and begin < MAX_PROBE_BYTES:
            self._last_begins_at = begin
        if len(stretches) > _MAX_STRETCHES:
            return
        goes_on = clock is None or track.advance(clock)
        if not stretches or track.at < stretches[-1].begin:
            index = self._resumed(track) if goes_on and track.at >= 0 else len(stretches)
            if index == len(stretches) or not self._extend(index):
                stretches.append(_Stretch(described, begin, end, resumes=index))
                track.passed = 0
        last = stretches[-1]
        last.end, track.at = end, begin
        if clock is not None:
            last.passed = max(last.passed, track.passed)

    @property
    def probe_bytes(self) -> int | None:
        """How far a demuxer has to read to find all tracks that begin in the first `MAX_PROBE_BYTES`.

        None where it reads so far by itself.
        """
        return self._last_begins_at + _FIRST_FRAMES_BYTES if self._last_begins_at > _FAR_BYTES else None

    def _resumed(self, track: _Track) -> int:
        """The index of the stretch that a track goes on from: the one it was last in, or the one that resumed that.

        Two tracks of which each goes on where the other pauses are heard at once, however long the pauses are: all
        stretches from the first of them are merged then.
        """
        index = bisect_right(self._stretches, track.at, key=lambda stretch: stretch.begin) - 1
        first = min(stretch.resumes for stretch in self._stretches[index + 1 :])
        if first < index:
            self._merge(first)
            return first
        for later in range(index + 1, len(self._stretches)):
            if self._stretches[later].resumes == index:
                index = later
        return index

    def _extend(self, index: int) -> bool:
        """Extend a stretch over those behind it; False where another track plays too long in one to be beside it."""
        if any(stretch.passed > _LONGEST_LEAD for stretch in self._stretches[index + 1 :]):
            return False
        self._merge(index)
        return True

    def _merge(self, first: int) -> None:
        """Make one stretch of all from that index."""
        self._stretches[first].passed = max(stretch.passed for stretch in self._stretches[first:])
        del self._stretches[first + 1 :]

    def succession(self, begin: int, end: int) -> Succession:
        """The parts of a file whose sound lies between two offsets.

        A part begins where the sound before it ends. A demuxer that begins there must find the track's description.
        """
        if len(self._stretches) > MAX_PARTS:
            return Succession(problem=JOINED)
        for last, stretch in pairwise(self._stretches):
            if stretch.described is None or stretch.described < last.end:
                return Succession(problem=JOINED)
        borders = [begin, *(stretch.end for stretch in self._stretches[:-1]), end]
        parts = tuple(Structure(first, behind, read_range=(first, behind)) for first, behind in pairwise(borders))
        return Succession(parts if len(parts) > 1 else ())


def is_jump(before: int, clock: int) -> bool:
    """Whether no stream goes on from one of these times to the other."""
    return (clock - before) % _CLOCK_TURN > _LONGEST_STEP


def clock_of(packet: bytes) -> int | None:
    """The presentation time stamp of an audio packet, in units of 1/90,000 s; None where it has none.

    ISO 13818-1, section 2.4.3.7, where flags say so; ISO 11172-1, section 2.4.3.3, behind stuffing and a buffer size.
    """
    if _is_mpeg_2(packet):
        stamp = packet[9:14] if len(packet) >= 14 and packet[7] & 0x80 else b""
    else:
        begin = _behind_buffer_size(packet)
        stamp = packet[begin : begin + 5]
    if len(stamp) < 5 or stamp[0] & 0xE1 != 0x21 or not stamp[2] & stamp[4] & 1:
        return None
    middle, low = int.from_bytes(stamp[1:3], "big") >> 1, int.from_bytes(stamp[3:], "big") >> 1
    return (stamp[0] >> 1 & 7) << 30 | middle << 15 | low


def content_begins(packet: bytes) -> int:
    """Where the content of a packet begins, behind its header. `packet` has its first bytes, at least 9 of them."""
    if _is_mpeg_2(packet):
        return 9 + packet[8]
    begin = _behind_buffer_size(packet)
    return begin + _STAMPS_BYTES.get(int.from_bytes(packet[begin : begin + 1], "big") >> 4, 1)


def _is_mpeg_2(packet: bytes) -> bool:
    return int.from_bytes(packet[6:7], "big") >> 6 == 2


def _behind_buffer_size(packet: bytes) -> int:
    """The offset behind the stuffing and the size of a buffer of MPEG-1."""
    fields = packet[6:CLOCK_BYTES]
    stuffing = len(fields) - len(fields.lstrip(b"\xff"))
    return 6 + stuffing + 2 * (int.from_bytes(fields[stuffing : stuffing + 1], "big") >> 6 == 1)
