"""ASF, the container of WMA (ASF specification 01.20.03)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.domain.containers.asf_packets import has_lost_sound
from worker.domain.containers.behind import repairs_behind
from worker.domain.containers.sizes import MAX_FILE_BYTES, SLACK_BYTES
from worker.domain.containers.structure import CUT_OFF, JOINED, ReadAt, Structure, damaged, range_to

_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_STREAM_PROPERTIES = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_SOUND = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
# In the properties of a stream, the kind is at byte 24 and the number at byte 72.
_SOUND_STREAM = re.compile(re.escape(_STREAM_PROPERTIES) + b".{8}" + re.escape(_SOUND) + b".{32}(.)", re.DOTALL)
_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_OBJECT_HEADER_BYTES, _DATA_HEADER_BYTES = 24, 50
_MAX_INDEXES = 1000  # one for each stream
_END_OF_STREAM = b"$E"  # what a server sends behind the packets; FFmpeg writes it to a pipe, too
_MAX_HEADER_BYTES = 16 << 20  # pictures are there
_MAX_PACKETS = 10_000_000
_DAMAGED = damaged("packets of the ASF file are missing or damaged")


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the data are as long as they say, no other file follows, and no audio packet is missing."""
    data = start + _number(read_at(start + 16, 8))
    header = read_at(start, min(data - start, _MAX_HEADER_BYTES))
    at = header.find(_FILE_PROPERTIES)
    if at == -1 or len(header) < at + 104:
        return Structure(start, size)
    is_broadcast = bool(header[at + 88] & 1)  # then the sizes are not known
    stated = start + _number(header[at + 40 : at + 48])
    end = size if is_broadcast or stated <= start else stated
    end = end if is_broadcast else _behind_indexes(read_at, data, size) or end
    if end > size + SLACK_BYTES:
        return Structure(start, size, problem=CUT_OFF)
    end = min(end, size)
    problem = JOINED if read_at(end, len(_HEADER)) == _HEADER else None
    smallest, largest = _number(header[at + 92 : at + 96]), _number(header[at + 96 : at + 100])
    if problem is None and smallest == largest > 0 and read_at(data, len(_DATA)) == _DATA:
        problem = _problem(read_at, data, end, largest, set(_sounds(header)), is_broadcast=is_broadcast)
    repairs = repairs_behind(read_at, end, size)
    return Structure(start, end, problem=problem, repairs=repairs, read_range=range_to(end, size))


def _behind_indexes(read_at: ReadAt, data: int, size: int) -> int | None:
    """The offset behind the data and the indexes that follow, by the sizes that they state; None if the data do not.

    Programs that edit tags leave the size of the file as it was before.
    """
    header = read_at(data, _OBJECT_HEADER_BYTES)
    length = _number(header[16:])
    if header[:16] != _DATA or not _DATA_HEADER_BYTES < length <= MAX_FILE_BYTES:
        return None
    end = data + length
    for _ in range(_MAX_INDEXES):
        header = read_at(end, _OBJECT_HEADER_BYTES)
        behind = end + _number(header[16:])
        if header[:16] == _HEADER or not end + _OBJECT_HEADER_BYTES <= behind <= size:
            break
        end = behind
    return end


def _problem(
    read_at: ReadAt, data: int, end: int, packet_bytes: int, sounds: set[int], *, is_broadcast: bool
) -> str | None:
    header, begin = read_at(data, _DATA_HEADER_BYTES), data + _DATA_HEADER_BYTES
    count, rest = divmod(end - begin, packet_bytes)
    if is_broadcast and rest and read_at(end - rest, len(_END_OF_STREAM)) != _END_OF_STREAM:
        return CUT_OFF
    if not is_broadcast:
        stated = _number(header[40:48])
        if stated > count:
            return CUT_OFF
        count = stated
    if count > _MAX_PACKETS:
        return f"the source is refused: it has more than {_MAX_PACKETS} ASF packets"
    return (
        _DAMAGED if has_lost_sound(read_at, begin, count, packet_bytes, sounds, may_begin_amid=is_broadcast) else None
    )


def _sounds(header: bytes) -> Iterator[int]:
    """The number of each audio stream."""
    return (found[1][0] & 127 for found in _SOUND_STREAM.finditer(header))


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
