"""The clusters of a Matroska file: the times of its blocks, of each track (RFC 9559, sections 5.1.3 and 10)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from worker.domain.containers.ebml import (
    CRC32,
    VOID,
    DamagedError,
    Element,
    children,
    element_at,
    unsigned,
    variable_integer,
)
from worker.domain.containers.reading import BlockReader
from worker.domain.containers.zeros import ZEROED_BYTES, is_zeroed

AUDIO, _VIDEO = 2, 1
CLUSTER = 0x1F43B675
_TIMESTAMP, _POSITION, _PREVIOUS_SIZE, _SILENT_TRACKS = 0xE7, 0xA7, 0xAB, 0x5854
_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = 0xA3, 0xA0, 0xA1
_BLOCK_DURATION = 0x9B
_IN_CLUSTER = {_TIMESTAMP, _POSITION, _PREVIOUS_SIZE, _SILENT_TRACKS, _SIMPLE_BLOCK, _BLOCK_GROUP, VOID, CRC32}
_TRACK_NUMBER, _TRACK_TYPE, _CODEC_DELAY = 0xD7, 0x83, 0x56AA
_CODEC_ID = 0x86
_CODEC_ID_BYTES = 32
# FFmpeg's parsers pass over zeros in the place of frames of MP2 and MP3; zeros of Opus are 10 ms of silence.
_ZEROS_ARE_SHORT = (b"A_MPEG/L", b"A_OPUS")
_BLOCK_HEADER_BYTES = 3  # behind the number of the track
_LONGEST_HEAD_BYTES = 7  # of a simple block

_DEFAULT_SCALE_NS = 1_000_000
_BACKWARDS_SECONDS = 0.005  # how far a track's times may go back: they are rounded to milliseconds
_GAP_SECONDS = 0.3  # more than the longest frame and less than a cluster
_MAX_BLOCKS = 10_000_000  # a block costs 2 µs; of 20 ms each it is 55 hours
_CHECKED_AT_ONCE = 1 << 18
_MAX_CHECKED_BYTES = 1 << 30  # of clusters with a checksum: comparing as many takes a second


@dataclass(slots=True)
class Track:
    """A track, and the times of its blocks in units of the timestamp scale."""

    number: int
    kind: int
    codec_delay_ns: int
    shortens_zeros: bool = False  # its decoder makes too little of a frame of zeros
    first: int | None = None
    last: int = 0
    last_cluster: int = 0  # how many clusters there were at the last block
    last_duration: int = 0  # 0 where it is not stated


def read_track(reader: BlockReader, entry: Element) -> Track:
    """Read a track from its entry. Raises DamagedError."""
    wanted = {_TRACK_NUMBER, _TRACK_TYPE, _CODEC_DELAY}
    found, codec = dict[int, int](), b""
    for child in children(reader, entry.body, entry.end or entry.body):
        if child.identifier in wanted:
            found[child.identifier] = unsigned(reader, child)
        elif child.identifier == _CODEC_ID and child.end is not None:
            codec = reader.at(child.body, min(child.end - child.body, _CODEC_ID_BYTES))
    return Track(
        found.get(_TRACK_NUMBER, 0),
        found.get(_TRACK_TYPE, 0),
        found.get(_CODEC_DELAY, 0),
        codec.startswith(_ZEROS_ARE_SHORT),
    )


class Clusters:
    """Reads cluster after cluster. `tracks` is filled before the first of them, and has each by its number.

    `is_padding` says whether what begins at an offset, and is no element, is padding behind the sound.
    """

    def __init__(self, reader: BlockReader, tracks: dict[int, Track], is_padding: Callable[[int], bool]) -> None:
        self._reader = reader
        self._tracks = tracks
        self._is_padding = is_padding
        self._blocks = 0
        self._checked_bytes = 0
        self._previous_bytes: int | None = None
        self._timestamp = 0
        self.scale_ns = _DEFAULT_SCALE_NS
        self.begins: set[int] = set()
        self.zeroed = 0  # frames that are nothing but zeros, of which the decoder makes too little
        self.has_lost_order = False  # the times of an audio track went back
        self.has_gap = False  # an audio track goes on later in a cluster than it ended in the one before

    def read(self, cluster: Element, end: int, followers: AbstractSet[int]) -> int:
        """Read a cluster, and return the offset behind it. Raises DamagedError.

        One of unknown size ends where one of `followers` or padding begins, or at `end`.
        """
        self._timestamp, offset = 0, cluster.body
        self.begins.add(cluster.begin)
        stop = end if cluster.end is None else cluster.end
        while offset < stop:
            self._blocks += 1
            if self._blocks > _MAX_BLOCKS:
                raise DamagedError
            behind = self._read_simple_block(offset, stop)
            if behind is None:
                element = element_at(self._reader, offset)
                if cluster.end is None and self._ends_at(offset, element, followers):
                    break
                behind = self._read_element(element, stop)
            offset = behind
        self._previous_bytes = offset - cluster.begin
        return offset

    def _ends_at(self, offset: int, element: Element | None, followers: AbstractSet[int]) -> bool:
        if element is not None and element.identifier in _IN_CLUSTER:
            return False
        return (element is not None and element.identifier in followers) or self._is_padding(offset)

    def track_seconds(self) -> tuple[float | None, ...]:
        """The length of each audio track, from its first sample to its last block, pauses included."""
        return tuple(self._seconds(track) for track in self._tracks.values() if track.kind == AUDIO)

    def _seconds(self, track: Track) -> float | None:
        if track.first is None:
            return None
        length_ns = (track.last + track.last_duration - track.first) * self.scale_ns
        return max(0, length_ns - track.codec_delay_ns) / 1e9

    def _read_simple_block(self, offset: int, stop: int) -> int | None:
        """The offset behind a simple block, of which nearly all clusters are made; None where it is something else."""
        data = self._reader.at(offset, _LONGEST_HEAD_BYTES + ZEROED_BYTES)  # the frame's first bytes cost no read
        if len(data) < 8 or data[0] != _SIMPLE_BLOCK:
            return None
        if data[1] & 0x80:
            header, length = 2, data[1] & 0x7F
        elif data[1] & 0x40:
            header, length = 3, (data[1] & 0x3F) << 8 | data[2]
        else:
            return None
        behind = offset + header + length
        if behind > stop or length < 4 or not data[header] & 0x80:
            return None
        number, frame = data[header] & 0x7F, header + 1 + _BLOCK_HEADER_BYTES
        self._add(number, int.from_bytes(data[header + 1 : header + 3], "big", signed=True), 0)
        if not any(data[frame : frame + ZEROED_BYTES]):
            self._look_at_zeros(number, offset + frame, behind)
        return behind

    def _read_element(self, element: Element | None, stop: int) -> int:
        if element is None or element.identifier not in _IN_CLUSTER or element.end is None or element.end > stop:
            raise DamagedError
        if element.identifier == _TIMESTAMP:
            self._timestamp = unsigned(self._reader, element)
        elif element.identifier == _PREVIOUS_SIZE:
            if self._previous_bytes not in {None, unsigned(self._reader, element)}:
                raise DamagedError  # a cluster in between is missing
        elif element.identifier == _POSITION:
            unsigned(self._reader, element)
        elif element.identifier == _SIMPLE_BLOCK:
            self._read_block(element, 0)
        elif element.identifier == _BLOCK_GROUP:
            self._read_group(element, element.end)
        elif element.identifier == CRC32:
            self._check(element, stop)
        return element.end

    def _read_group(self, group: Element, end: int) -> None:
        block, duration = None, 0
        for child in children(self._reader, group.body, end):
            if child.identifier == _BLOCK:
                block = child
            elif child.identifier == _BLOCK_DURATION:
                duration = unsigned(self._reader, child)
        if block is None:
            raise DamagedError
        self._read_block(block, duration)

    def _read_block(self, block: Element, duration: int) -> None:
        number = variable_integer(self._reader.at(block.body, 12))
        if number is None:
            raise DamagedError
        value, size = number
        head = self._reader.at(block.body + size, _BLOCK_HEADER_BYTES + ZEROED_BYTES)
        self._add(value, int.from_bytes(head[:2], "big", signed=True), duration)
        if block.end is not None and not any(head[_BLOCK_HEADER_BYTES:]):
            self._look_at_zeros(value, block.body + size + _BLOCK_HEADER_BYTES, block.end)

    def _look_at_zeros(self, number: int, begin: int, end: int) -> None:
        if self._tracks[number].shortens_zeros:
            length = end - begin
            self.zeroed += is_zeroed(lambda most: self._reader.at(begin, min(length, most)), length)

    def _check(self, checksum: Element, stop: int) -> None:
        """Compare the cluster's checksum, but not in a file with pictures, whose damage does not matter.

        Raises DamagedError.
        """
        if self._checked_bytes > _MAX_CHECKED_BYTES or any(track.kind == _VIDEO for track in self._tracks.values()):
            return
        state, offset = 0, checksum.end or stop
        self._checked_bytes += stop - offset
        while offset < stop:
            block = self._reader.at(offset, min(_CHECKED_AT_ONCE, stop - offset))
            if not block:
                raise DamagedError
            state = zlib.crc32(block, state)
            offset += len(block)
        if state != int.from_bytes(self._reader.at(checksum.body, 4), "little"):
            raise DamagedError

    def _add(self, number: int, relative: int, duration: int) -> None:
        track = self._tracks.get(number)
        if track is None:
            raise DamagedError
        time = self._timestamp + relative
        if track.last_cluster != len(self.begins) and track.kind == AUDIO:
            track.last_cluster = len(self.begins)
            self.has_gap |= (time - track.last - track.last_duration) * self.scale_ns > _GAP_SECONDS * 1e9
        if track.first is None:
            track.first = time
        elif (track.last - time) * self.scale_ns > _BACKWARDS_SECONDS * 1e9 and track.kind == AUDIO:
            self.has_lost_order = True
        track.last, track.last_duration = time, duration
