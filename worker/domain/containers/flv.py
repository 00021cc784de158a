"""FLV (Adobe, Video File Format Specification 10.1, annex E): tags that state their sizes in front and behind."""

from __future__ import annotations

import itertools
import math
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from worker.domain.containers.behind import joined_behind
from worker.domain.containers.reading import BlockReader
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, ReadAt, Structure, damaged, range_to
from worker.domain.containers.zeros import ZEROS_AMID_SOUND, zeros_begin_before

_MAGIC = b"FLV\1"
_AUDIO, _VIDEO, _SCRIPT = 8, 9, 18
_AAC = 10
_ENHANCED = 9  # a codec with a name, behind the kind of its tag (Enhanced RTMP 2, "Enhanced Audio")
_DESCRIBING = {0, 2, 4}  # of those kinds: the beginning and the end of a sequence, and where the channels are
_HEADER_BYTES, _SIZE_BYTES = 11, 4
_CODEC_BYTES = 2  # behind the header of an audio tag: the codec, and of AAC whether it is sound
_READ_BYTES = 16_384  # small, so that of a large picture only the header is read
_MAX_TAGS = 20_000_000
_SEARCHED_BYTES = 1 << 26  # for tags behind bytes that are none
_SEARCHED_BLOCK_BYTES = 1 << 20
_MAX_FOUND = 1000  # places that look like the beginning of a tag: in noise of as many bytes not even one is likely
_BACKWARDS_MS = 10  # how far the times of sound may go back
_UNSTATED_MS = 1000  # by how much a file may be shorter than its stated duration
_ROUNDED_MS = 100  # by how much a duration and the times of tags may differ
_DURATION = b"\0\x08duration\0"  # in the first tag, as a number of AMF
_KINDS = bytes(byte for byte in range(256) if byte & 31 in {_AUDIO, _VIDEO, _SCRIPT})
_TAG = re.compile(b"(?=[" + re.escape(_KINDS) + rb"].{7}\0{3})", re.DOTALL)
_EIGHT_KHZ_MP3, _MP3 = 14, 2  # which are one codec
_MAX_OTHERS = 0.1  # of the audio tags
_CODEC_CHANGES = "the codec of the sound changes on the way, and only that of the first part would be heard"
_DAMAGED = damaged("the tags of the FLV file do not follow each other")


@dataclass(slots=True)
class _Times:
    """When the tags of one kind begin, in milliseconds."""

    first: int = 0
    last: int = 0
    count: int = 0

    def add(self, time: int) -> None:
        self.first = time if self.count == 0 else self.first
        self.last = time
        self.count += 1

    @property
    def end(self) -> float:
        """When the last tag ends, if it is as long as the others are on average."""
        return self.last + (self.last - self.first) / max(1, self.count - 1)


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether tag follows tag to the end, with times that go on."""
    reader = BlockReader(read_at, block_bytes=_READ_BYTES)
    offset = start + int.from_bytes(reader.at(start + 5, 4), "big") + _SIZE_BYTES
    sound, picture, codecs = _Times(), _Times(), Counter[int]()
    for _ in range(_MAX_TAGS):
        end = _end_of_tag(reader, offset)
        if end is None:
            break
        if end > size:
            has_more = _has_tags_behind(read_at, offset, size)
            return Structure(start, size, problem=_DAMAGED if has_more else CUT_OFF)
        header = reader.at(offset, _HEADER_BYTES + _CODEC_BYTES)
        time_ms = header[7] << 24 | int.from_bytes(header[4:7], "big")
        if header[0] & 31 == _AUDIO and not _has_no_sound(header):
            if time_ms < sound.last - _BACKWARDS_MS:
                return Structure(start, size, problem=_DAMAGED)
            sound.add(time_ms)
            if end - offset > _HEADER_BYTES + _SIZE_BYTES:  # some recorders write audio tags without sound
                codecs[_MP3 if header[11] >> 4 == _EIGHT_KHZ_MP3 else header[11] >> 4] += 1
        elif header[0] & 31 == _VIDEO:
            picture.add(time_ms)
        offset = end
    lacking_ms = _stated_ms(reader, start) - max(sound.end, picture.end)
    problem = _problem(read_at, offset, size) or _change_of(codecs)
    if problem is None and offset < size and lacking_ms > _UNSTATED_MS:
        problem = _DAMAGED  # what lies behind the last tag stands where more tags were
    repairs = [BYTES_BEHIND] if offset < size else []
    if lacking_ms > _ROUNDED_MS:
        repairs.append(f"its header states {lacking_ms / 1000:.2f} s more than its tags have")
    return Structure(
        start,
        min(offset, size),
        problem=problem or (ZEROS_AMID_SOUND if zeros_begin_before(read_at, offset, size) else None),
        track_seconds=((sound.end - sound.first) / 1000,) if sound.count else (),
        repairs=tuple(repairs),
        read_range=range_to(offset, size),
    )


def _change_of(codecs: Counter[int]) -> str | None:
    """The problem that the codec of the audio tags changes. None where few differ: these are damaged tags."""
    others = codecs.total() - max(codecs.values(), default=0)
    return _CODEC_CHANGES if others > _MAX_OTHERS * codecs.total() else None


def _has_no_sound(tag: bytes) -> bool:
    """Whether an audio tag only describes the sound. It comes first, often at time 0 although the sound is late."""
    codec, kind = tag[11] >> 4, tag[11] & 15
    return tag[12] == 0 if codec == _AAC else codec == _ENHANCED and kind in _DESCRIBING


def _problem(read_at: ReadAt, end: int, size: int) -> str | None:
    """What the bytes behind the last whole tag mean."""
    if end > size or _is_cut_tag(read_at, end, size):
        return CUT_OFF
    return joined_behind(read_at, end, size, _MAGIC) or (_DAMAGED if _has_tags_behind(read_at, end, size) else None)


def _has_tags_behind(read_at: ReadAt, end: int, size: int) -> bool:
    """Whether a whole tag stands somewhere behind `end`, as far as the bytes are searched."""
    header = BlockReader(read_at, block_bytes=_HEADER_BYTES)
    for offset in itertools.islice(_beginnings(read_at, end + 1, min(size, end + _SEARCHED_BYTES)), _MAX_FOUND):
        behind = _end_of_tag(header, offset)
        if behind is not None and behind <= size:
            return True
    return False


def _beginnings(read_at: ReadAt, begin: int, end: int) -> Iterator[int]:
    """Where bytes stand that begin as a tag does. Each byte is read once."""
    for offset in range(begin, end, _SEARCHED_BLOCK_BYTES):
        block = read_at(offset, min(_SEARCHED_BLOCK_BYTES + _HEADER_BYTES - 1, end - offset))
        yield from (offset + found.start() for found in _TAG.finditer(block))


def _stated_ms(reader: BlockReader, start: int) -> float:
    """The duration in the first tag; 0 where there is none."""
    head = reader.at(start, _READ_BYTES)
    at = head.find(_DURATION)
    if at == -1 or len(head) < at + len(_DURATION) + 8:
        return 0.0
    (stated,) = struct.unpack_from(">d", head, at + len(_DURATION))
    return stated * 1000 if math.isfinite(stated) else 0.0


def _end_of_tag(reader: BlockReader, offset: int) -> int | None:
    """The offset behind the tag; it may lie behind the end of the file. None where there is no tag."""
    header = reader.at(offset, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[0] & 31 not in {_AUDIO, _VIDEO, _SCRIPT} or any(header[8:11]):
        return None
    length = _HEADER_BYTES + int.from_bytes(header[1:4], "big")
    stated = reader.at(offset + length, _SIZE_BYTES)
    # Some writers leave the size behind a tag at zero, or count it without the header.
    if len(stated) == _SIZE_BYTES and int.from_bytes(stated, "big") not in {length, length - _HEADER_BYTES, 0}:
        return None
    return offset + length + _SIZE_BYTES


def _is_cut_tag(read_at: ReadAt, end: int, size: int) -> bool:
    rest = read_at(end, _HEADER_BYTES)
    return 0 < size - end < _HEADER_BYTES and rest[0] & 31 in {_AUDIO, _VIDEO, _SCRIPT}
