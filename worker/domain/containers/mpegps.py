"""MPEG program streams (ISO 11172-1 and 13818-1): packs of packets, each with a start code and most with a length."""

from __future__ import annotations

from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, ReadAt, Structure, damaged, range_to
from worker.domain.containers.succession import CLOCK_BYTES, Tracks, clock_of, content_begins
from worker.domain.containers.zeros import ZEROS_AMID_SOUND, zeros_begin_before

_PREFIX = b"\0\0\1"
_END, _PACK, _FIRST_PACKET = 0xB9, 0xBA, 0xBB
_PRIVATE, _MPEG_AUDIO = 0xBD, 0xC0  # the latter with a number of five bits
_DVD_SOUND = {0x80, 0xA0}  # AC-3 and DTS, PCM; each with a number of three or four bits
_MAX_UNITS = 20_000_000
_PACK_BYTES = 14  # the header of a pack, the longest that is read
_PADDING_BYTES = 4096
_JUNK_BYTES = 16_384
_SECTOR_BYTES = 2324
_MAX_PADDING_BYTES = 1 << 17  # 0.7 s of a Video CD; ffmpeg writes 0.4 s before its first packet
_PACK_OF_MPEG_1 = b"\0\0\1\xba\x21"  # in the first three hours of its clock
_PICTURES = {bytes([0xE0 | number]) for number in range(16)}
_DAMAGED = damaged("the packets of the MPEG program stream do not follow each other")


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether packet follows packet to the end."""
    reader = BlockReader(read_at)
    offset, has_pictures = start, False
    tracks = Tracks()
    for _ in range(_MAX_UNITS):
        end = _end_of_unit(reader, offset) or _end_of_padding(reader, offset, has_pictures=has_pictures)
        if end is None:
            break
        if end > size:
            return Structure(start, size, problem=CUT_OFF)
        if (number := _track_of(reader, offset)) is not None:
            clock = clock_of(reader.at(offset, CLOCK_BYTES))  # what follows begins with zeros, which are no clock
            tracks.add(number, offset, end, clock, described=offset)
        has_pictures |= reader.at(offset + 3, 1) in _PICTURES
        offset = end
    succession = tracks.succession(start, offset)
    problem = _problem(reader, offset, size) or succession.problem
    return Structure(
        start,
        offset,
        problem=problem or (ZEROS_AMID_SOUND if zeros_begin_before(read_at, offset, size) else None),
        parts=succession.parts,
        probe_bytes=tracks.probe_bytes,
        repairs=(BYTES_BEHIND,) if offset < size else (),
        read_range=range_to(offset, size),
    )


def _problem(reader: BlockReader, end: int, size: int) -> str | None:
    """The problem that the bytes behind the last whole packet show, as nothing states how long the file is.

    Sound that is cut off begins as a packet does, and sound that is damaged has more packets behind it, or is short.
    """
    rest = reader.at(end, _PADDING_BYTES)
    if len(rest) < _PACK_BYTES and rest.startswith(_PREFIX[: len(rest)]):
        return CUT_OFF if rest else None
    is_junk = rest == rest[:1] * len(rest) or size - end <= _JUNK_BYTES
    return None if rest.startswith(b"TAG") or (is_junk and reader.find(_PREFIX, end) is None) else _DAMAGED


def _end_of_padding(reader: BlockReader, offset: int, *, has_pictures: bool) -> int | None:
    """Where the zeros end that fill the sector of a Video CD; None where there are none, or no packet follows.

    One without pictures has sectors of nothing else, up to the next pack of MPEG-1.
    """
    zeros = reader.at(offset, _SECTOR_BYTES)
    if not has_pictures and not any(zeros):
        zeros = reader.at(offset, _MAX_PADDING_BYTES)
        zeros = zeros[: zeros.find(_PACK_OF_MPEG_1) + len(_PREFIX)]
    at = zeros.find(_PREFIX)
    return offset + at if at > 0 and not zeros[:at].strip(b"\0") else None


def _track_of(reader: BlockReader, offset: int) -> int | None:
    """The number of a packet's audio track, which a private packet of a DVD has inside; None where it has none."""
    header = reader.at(offset, 9)
    code = header[3]
    if code & 0xE0 == _MPEG_AUDIO:
        return code
    if code != _PRIVATE or len(header) < 9:
        return None
    track = int.from_bytes(reader.at(offset + content_begins(reader.at(offset, CLOCK_BYTES)), 1), "big")
    return track if track & 0xF0 in _DVD_SOUND else None


def _end_of_unit(reader: BlockReader, offset: int) -> int | None:
    """The offset behind a pack's header or a packet; it may lie behind the end of the file. None where neither is."""
    header = reader.at(offset, _PACK_BYTES)
    if len(header) < 6 or header[:3] != _PREFIX:
        return offset + 4 if header[:4] == _PREFIX + bytes([_END]) else None
    code = header[3]
    if code == _END:
        return offset + 4
    if code >= _FIRST_PACKET:
        return offset + 6 + int.from_bytes(header[4:6], "big")
    if code != _PACK or len(header) < _PACK_BYTES:
        return None
    if header[4] >> 6 == 1:
        return offset + 14 + (header[13] & 7)  # MPEG-2: as many bytes of stuffing
    return offset + 12 if header[4] >> 4 == 2 else None
