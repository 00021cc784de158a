"""The times that the index of an MP4 gives to frames of AAC-LC, whose length the codec says (ISO 14496-12, 8.6.1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from worker.domain.containers.mp4_boxes import AAC_LC, AAC_RATES_HZ, audio_configuration, child, places
from worker.domain.containers.structure import Patch

WRONG_TIMES = (
    "the MP4's index makes each frame longer than its codec does; the frames follow each other without pauses"
)

_FRAME_SAMPLES = 1024  # of AAC-LC; those of 960 are shorter
_MAX_ENTRIES = 16  # of a table that gives all frames one length, but for a few
_ROUNDED_TICKS = 1
_MOST = 0.9  # of the frames


def mended_times(index: bytes, begin: int) -> Iterator[Patch]:
    """What makes the frames as long as they are, in an index that begins at an offset of the file.

    Only what is the same for most of the frames is an error: pauses are longer frames here and there.
    """
    for media_begin, media_end in _inside(index, 8, len(index), b"trak", b"mdia"):
        frame_ticks = _frame_ticks(index[media_begin:media_end])
        for times_begin, times_end in _inside(index, media_begin, media_end, b"minf", b"stbl", b"stts"):
            if frame_ticks:
                yield from _mended(index, times_begin, times_end, begin, frame_ticks)


def _inside(index: bytes, begin: int, end: int, kind: bytes, *kinds: bytes) -> Iterator[tuple[int, int]]:
    """Where what is in the boxes of a path begins and ends."""
    for place in places(index, kind, begin, end):
        if kinds:
            yield from _inside(index, *place, *kinds)
        else:
            yield place


def _frame_ticks(media: bytes) -> int | None:
    """How long a frame is on the track's clock; None where it has none, or its sound is not AAC-LC."""
    header = child(media, b"mdhd")
    at = 20 if header[:1] == b"\1" else 12
    rate_hz = _rate_hz(child(media, b"minf", b"stbl", b"stsd"))
    return round(_FRAME_SAMPLES * int.from_bytes(header[at : at + 4], "big") / rate_hz) if rate_hz else None


def _rate_hz(descriptions: bytes) -> int | None:
    """Of a track of AAC-LC alone; None of others."""
    entry = descriptions[8:]
    configuration = audio_configuration(child(entry[36:], b"esds"))
    if descriptions[4:8] != b"\0\0\0\1" or entry[4:8] != b"mp4a" or len(configuration) < 2:
        return None
    bits = int.from_bytes(configuration[:2], "big")
    rate = bits >> 7 & 15
    return AAC_RATES_HZ[rate] if bits >> 11 == AAC_LC and rate < len(AAC_RATES_HZ) else None


def _mended(index: bytes, begin: int, end: int, offset: int, frame_ticks: int) -> Iterator[Patch]:
    count = int.from_bytes(index[begin + 4 : begin + 8], "big")
    if not 0 < count <= _MAX_ENTRIES or end - begin < 8 + 8 * count:
        return
    entries = [struct.unpack_from(">II", index, begin + 8 + 8 * number) for number in range(count)]
    number = max(range(count), key=lambda each: entries[each][0])
    frames, length = entries[number]
    if frames >= _MOST * sum(each for each, _ in entries) and length > frame_ticks + _ROUNDED_TICKS:
        yield Patch(offset + begin + 12 + 8 * number, 4, struct.pack(">I", frame_ticks))
