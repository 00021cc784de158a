"""Tracks of sound that follow each other in one file: recordings that were joined, each with another track.

A demuxer takes one of the tracks that it finds, and plays nothing of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from worker.domain.containers.structure import JOINED, MAX_PARTS, Structure

CLOCK_HZ = 90_000
_CLOCK_TURN = 1 << 33
_LONGEST_STEP = round(0.75 * CLOCK_HZ)  # streams have a time stamp every 0.7 s (ISO 13818-1, section 2.7.4)


@dataclass(slots=True)
class Span:
    """Where sound of a track begins and ends in the file, and where what describes it stands last (None: nowhere)."""

    described: int | None
    begin: int
    end: int


@dataclass(slots=True)
class Track:
    """The packets of one track of sound in their order: a span for each stretch in which its clock goes on."""

    spans: list[Span] = field(default_factory=list)
    _clock: int | None = None

    def add(self, begin: int, end: int, clock: int | None, described: int | None) -> None:
        """A packet, with its time stamp in units of 1/90,000 s where it has one."""
        jumps = clock is not None and self._clock is not None and (clock - self._clock) % _CLOCK_TURN > _LONGEST_STEP
        if jumps or not self.spans:
            self.spans.append(Span(described, begin, end))
        self.spans[-1].end = end
        self._clock = self._clock if clock is None else clock


@dataclass(frozen=True, slots=True)
class Succession:
    """One part for each stretch of the file with tracks of its own; no parts where all tracks are in one stretch."""

    parts: tuple[Structure, ...] = ()
    problem: str | None = None


def in_succession(tracks: Sequence[Track], begin: int, end: int) -> Succession:
    """Of the tracks in a file whose sound lies between two offsets.

    A part begins where the sound before it ends. A demuxer that begins there must find what describes the next track.
    """
    stretches, numbers = list[Span](), set[int]()  # the tracks of the last stretch
    each = [(span, number) for number, track in enumerate(tracks) for span in track.spans]
    for span, number in sorted(each, key=lambda pair: pair[0].begin):
        last = stretches[-1] if stretches else None
        if last is not None and (span.begin < last.end or number in numbers):
            last.end = max(last.end, span.end)
            numbers.add(number)
        elif last is not None and (span.described is None or span.described < last.end):
            return Succession(problem=JOINED)
        else:
            stretches.append(replace(span))
            numbers = {number}
    if len(stretches) > MAX_PARTS:
        return Succession(problem=JOINED)
    borders = [begin, *(stretch.end for stretch in stretches[:-1]), end]
    parts = tuple(Structure(first, behind, read_range=(first, behind)) for first, behind in pairwise(borders))
    return Succession(parts if len(parts) > 1 else ())


def clock_of(packet: bytes) -> int | None:
    """The presentation time stamp of a packet of sound (ISO 13818-1, section 2.4.3.7); None where it has none."""
    if len(packet) < 14 or not packet[7] & 0x80:
        return None
    high, middle, low = packet[9] >> 1 & 7, int.from_bytes(packet[10:12], "big") >> 1, packet[12:14]
    return high << 30 | middle << 15 | int.from_bytes(low, "big") >> 1
