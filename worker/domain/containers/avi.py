"""AVI (Microsoft's RIFF, with the parts of 1 GB of the OpenDML extensions): chunks of sound and pictures in a list."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import (
    BYTES_BEHIND,
    CUT_OFF,
    JOINED,
    Patch,
    ReadAt,
    Structure,
    damaged,
    range_to,
)
from worker.domain.containers.tags import behind_tags
from worker.domain.containers.zeros import ZEROED_BYTES, is_zeroed, zeroed

_READ_BYTES = 16_384  # small, so that of a large picture only the header is read
_MAX_CHUNKS = 10_000_000
_MAX_PARTS = 1000  # of 1 GB each
_OPEN_SIZES = {0, 0xFFFF_FFFF}  # of a recorder that could not go back to its header
_RIFF, _FIRST, _LATER = b"RIFF", b"AVI ", b"AVIX"
_LISTS = {_RIFF, b"LIST"}
_NAME = re.compile(rb"[A-Za-z0-9_ ]{4}")
_OF_STREAM = re.compile(rb"\d\d(wb|d[bc]|pc|tx)")
_SOUND = b"wb"
_CHUNK_HEADER_BYTES = 8
_PASSED_OVER = {0x50, 0x55, 0x2001}  # MP2, MP3, DTS: FFmpeg's parsers pass over zeros in the place of their frames
_INDEX_OF_CHUNKS = 1
_INDEX_HEADER_BYTES = 12
_STREAM_HEADER_BYTES = 48  # as far as its sample size
_SOUND_FORMAT_BYTES = 16  # as far as its bits per sample
_CHANNELS_AT, _BLOCK_SIZE_AT, _BITS_AT = 2, 12, 14  # in a format
_BLOCK_BYTES_OF_MP3 = 1152  # stated where each chunk has a frame, which at 320 kbit/s and 32 kHz has 1440 bytes
_MAX_STREAMS = 100  # their numbers have two digits
_MAX_INDEX_BYTES = 1 << 24  # of a million chunks; what a longer one lists behind them is not compared
_LACKING = damaged("the index of the AVI file lists sound that is not there")
_SHORTEST_PAUSE_SECONDS = 0.1  # that is mentioned among the repairs
_PAUSES = "sound of the AVI file has empty chunks, as for a pause or a late start; no silence took their place"
_DAMAGED = damaged("the chunks of the AVI file do not follow each other")


class _Frames(NamedTuple):
    """An audio stream with a frame in each chunk, which plays for `scale` / `rate` seconds."""

    number: int
    chunks: int
    scale: int
    rate: int


@dataclass(slots=True)
class _Tally:
    """How many chunks each stream has, and how many bytes, by the stream's number in the chunks' names."""

    chunks: Counter[int] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)
    empty: Counter[int] = field(default_factory=Counter)  # those chunks that have no bytes
    zeroed: int = 0  # frames that are nothing but zeros, and that the decoder passes over
    longest: Counter[int] = field(default_factory=Counter)  # the bytes of the longest chunk
    indexed: Counter[int] = field(default_factory=Counter)  # chunks by the indexes of the parts (OpenDML)
    sounds: set[int] = field(default_factory=set)
    headers: list[bytes] = field(default_factory=list)  # of the streams
    formats: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # of a stream's samples, and where it stands
    is_damaged: bool = False  # an index lists other chunks than there are

    def add(self, name: bytes, begin: int, length: int, content: Callable[[int], bytes]) -> None:
        """Count a chunk, whose content is at `begin`.

        `content` reads up to so many bytes of it, and is called for indexes, sound and streams' headers.
        """
        if _OF_STREAM.match(name):
            number = int(name[:2])
            self.chunks[number] += 1
            self.sizes[number] += length
            self.empty[number] += not length
            self.longest[number] = max(self.longest[number], length)
            if name[2:] == _SOUND:
                self.sounds.add(number)
                self.zeroed += self._format_tag(number) in _PASSED_OVER and is_zeroed(content, length)
        elif name[:2] == b"ix":
            head = content(_INDEX_HEADER_BYTES)
            if (
                len(head) == _INDEX_HEADER_BYTES
                and head[3] == _INDEX_OF_CHUNKS
                and head[10:] == _SOUND
                and head[8:10].isdigit()
            ):
                self.indexed[int(head[8:10])] += int.from_bytes(head[4:8], "little")
        elif name == b"idx1":
            self._compare(content(_MAX_INDEX_BYTES))
        elif name == b"strh" and len(self.headers) < _MAX_STREAMS:
            self.headers.append(content(_STREAM_HEADER_BYTES))
        elif name == b"strf":
            self.formats[len(self.headers) - 1] = begin, content(_SOUND_FORMAT_BYTES)

    def lacks_sound(self) -> bool:
        """Whether an index lists chunks of sound that are not there."""
        return self.is_damaged or any(count > self.chunks[number] for number, count in self.indexed.items())

    def track_seconds(self) -> tuple[float | None, ...]:
        """The length of each audio stream; None but for those with a frame in each chunk, as many as are stated."""
        return tuple(None if each is None else each[0] for each in self._timed())

    def has_pauses(self) -> bool:
        """Whether an audio stream has empty chunks, for which FFmpeg 9.0 lets no time pass."""
        return any(each is not None and each[1] >= _SHORTEST_PAUSE_SECONDS for each in self._timed())

    def patches(self) -> tuple[Patch, ...]:
        """Patches that put 0 in the place of a size of blocks that is too small for frames, where each chunk has one.

        FFmpeg 9.0 counts such a chunk as several, and their time becomes silence.
        """
        return tuple(
            Patch(self.formats[each.number][0] + _BLOCK_SIZE_AT, 2)
            for each in self._sounds()
            if each is not None and self._has_wrong_blocks(each.number)
        )

    def _timed(self) -> Iterator[tuple[float, float] | None]:
        """For each audio stream, the seconds of its sound and of its pauses; None where they are not exact."""
        for each in self._sounds():
            if each is None:
                yield None
            else:
                pauses = self._pauses(each.number)
                yield (each.chunks - pauses) * each.scale / each.rate, pauses * each.scale / each.rate

    def _sounds(self) -> Iterator[_Frames | None]:
        """Each audio stream; None for one whose header does not state a frame for each chunk.

        AVISTREAMHEADER of Windows: the time of a frame is dwScale over dwRate, and dwSampleSize is 0.
        """
        for number, header in enumerate(self.headers):
            if header[:4] == b"auds" and len(header) >= _STREAM_HEADER_BYTES:
                scale, rate, _, length = struct.unpack_from("<4I", header, 20)
                is_exact = not any(header[44:48]) and rate > 0 and length == self.chunks[number]
                yield _Frames(number, length, scale, rate) if is_exact else None

    def _pauses(self, number: int) -> int:
        """How many chunks of a stream are empty, if each of the others has one frame; else 0.

        WAVEFORMATEX of Windows: nBlockAlign is then the most that a frame has. Where chunks are longer, it does not
        say how they are timed.
        """
        return self.empty[number] if 0 < self.longest[number] <= self._block_bytes(number) else 0

    def _has_wrong_blocks(self, number: int) -> bool:
        """Whether the size of blocks is that of plain samples or of MP3, and chunks are longer.

        Of other codecs the decoder may need it.
        """
        channels, bits = self._of_format(number, _CHANNELS_AT), self._of_format(number, _BITS_AT)
        usual = (channels * bits // 8, _BLOCK_BYTES_OF_MP3)
        return 0 < self._block_bytes(number) < self.longest[number] and self._block_bytes(number) in usual

    def _format_tag(self, number: int) -> int:
        return int.from_bytes(self.formats.get(number, (0, b""))[1][:2], "little")

    def _block_bytes(self, number: int) -> int:
        return self._of_format(number, _BLOCK_SIZE_AT)

    def _of_format(self, number: int, at: int) -> int:
        """A number of two bytes in the format of a stream; 0 where there is none."""
        _, content = self.formats.get(number, (None, b""))
        return int.from_bytes(content[at : at + 2], "little")

    def _compare(self, index: bytes) -> None:
        """Compare with the index behind the first part, which has the name, flags, offset and size of each chunk."""
        chunks, sizes = Counter[int](), Counter[int]()
        for name, size in struct.iter_unpack("<4s8xI", index[: len(index) // 16 * 16]):
            if _OF_STREAM.match(name):
                chunks[int(name[:2])] += 1
                sizes[int(name[:2])] += size
                if name[2:] == _SOUND:
                    self.sounds.add(int(name[:2]))
        lacks_any = any(count > self.chunks[number] for number, count in chunks.items())
        for number in self.sounds & chunks.keys():
            # A chunk whose size is damaged takes others in.
            has_taken_in = lacks_any and self.sizes[number] > sizes[number]
            self.is_damaged |= has_taken_in or chunks[number] > self.chunks[number]


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether chunk follows chunk to the end of the last part, and all sound is there that the indexes list."""
    reader, tally = BlockReader(read_at, block_bytes=_READ_BYTES), _Tally()
    offset = start
    for _ in range(_MAX_PARTS):
        header = reader.at(offset, 12)
        if header[:4] != _RIFF or header[8:12] not in ({_FIRST, _LATER} if offset == start else {_LATER}):
            break
        length = int.from_bytes(header[4:8], "little")
        end = size if length in _OPEN_SIZES else offset + 8 + length
        if end > size:
            return Structure(start, size, problem=CUT_OFF)
        if not _are_chunks(reader, offset + 12, end, tally):
            return Structure(start, size, problem=CUT_OFF if length in _OPEN_SIZES else _DAMAGED)
        offset = end + length % 2 * (length not in _OPEN_SIZES)
    end = min(offset, size)
    behind = read_at(behind_tags(read_at, end), 12)
    is_joined = behind[:4] == _RIFF and behind[8:] == _FIRST
    return Structure(
        start,
        end,
        problem=_LACKING if tally.lacks_sound() else JOINED if is_joined else None,
        track_seconds=tally.track_seconds(),
        repairs=(
            *([_PAUSES] if tally.has_pauses() else []),
            *([zeroed(tally.zeroed)] if tally.zeroed else []),
            *([BYTES_BEHIND] if end < size else []),
        ),
        read_range=range_to(end, size),
        patches=tally.patches(),
        loses_frames=tally.zeroed > 0,
    )


def _are_chunks(reader: BlockReader, offset: int, end: int, tally: _Tally) -> bool:
    """Whether chunks fill the bytes up to `end`. Lists are entered, and have to end where their parents allow."""
    begins, ends = list[int](), [end]  # of the lists that are open, and where they all end
    for _ in range(_MAX_CHUNKS):
        while len(ends) > 1 and offset == ends[-1]:
            is_odd = (ends.pop() - begins.pop()) % 2
            offset += _padding(reader, offset, ends[-1]) if is_odd else 0
        if offset >= ends[0] - 1:  # a byte of padding may follow
            return True
        header = reader.at(offset, _CHUNK_HEADER_BYTES + ZEROED_BYTES)  # what is looked at of sound costs no read
        if len(header) < _CHUNK_HEADER_BYTES or not _NAME.match(header):
            return False
        length = int.from_bytes(header[4:8], "little")
        if header[:4] in _LISTS and length not in _OPEN_SIZES:
            if not 4 <= length <= ends[-1] - offset - 8:
                return False
            begins.append(offset)
            ends.append(offset + 8 + length)
            offset += 12
        elif header[:4] in _LISTS:
            offset += 12
        else:
            if offset + 8 + length > ends[-1]:
                return False
            tally.add(header[:4], offset + 8, length, partial(_content, reader, offset + 8, length))
            offset += 8 + length
            offset += _padding(reader, offset, ends[-1]) if length % 2 else 0
    return False


def _content(reader: BlockReader, offset: int, length: int, most_bytes: int) -> bytes:
    return reader.at(offset, min(length, most_bytes))


def _padding(reader: BlockReader, offset: int, end: int) -> int:
    """A chunk of an odd length has a byte of padding, which some writers leave out: the next chunk's name shows it."""
    if offset >= end:
        return 0
    is_left_out = _NAME.match(reader.at(offset, 4)) and not _NAME.match(reader.at(offset + 1, 4))
    return 0 if is_left_out else 1
