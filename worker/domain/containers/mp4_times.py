"""The times in the index of an MP4 that its demuxer cannot use (ISO 14496-12, sections 8.6.1 and 8.6.6).

Frames of AAC-LC and ALAC may have other lengths than their codec says, and an edit may have none, which means that it
goes on to the end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

from worker.domain.containers.mp4_boxes import (
    AAC_LC,
    AAC_RATES_HZ,
    audio_configuration,
    child,
    places,
    places_inside,
)
from worker.domain.containers.structure import Patch

WRONG_TIMES = (
    "the MP4's index gives the frames another length than their codec does; they follow each other without pauses"
)

_FRAME_SAMPLES, _SHORT_FRAME_SAMPLES = 1024, 960  # of AAC-LC; a bit of its configuration says which
_SHORT_FRAMES = 4
_MAX_ENTRIES = 16  # of a table in which all frames but a few have one length
_ROUNDED_TICKS = 1
_TO_THE_END = 0x7FFF_FFFF  # the length of an edit: weeks, of which the demuxer takes as much as there is
_MOST = 0.9  # of the frames


@dataclass(frozen=True, slots=True)
class MendedTimes:
    """Patches that give the frames their true lengths, and how long each track with sound then is.

    A track without wrong times has None as its length: the demuxer states it.
    """

    patches: tuple[Patch, ...] = ()
    track_seconds: tuple[float | None, ...] = ()  # none where nothing is mended
    has_wrong_times: bool = False


def mended_times(index: bytes, begin: int) -> MendedTimes:
    """Mend the times in an index that begins at an offset of the file.

    Only what is the same for most of the frames is an error: pauses are longer frames here and there. The lengths that
    the index states elsewhere may be wrong as well: they are the sums of what its writer took for the frames.
    """
    movie_per_second = _per_second(child(index[8:], b"mvhd"))
    patches, open_edits, track_seconds = list[Patch](), list[Patch](), list[float | None]()
    for track_begin, track_end in places(index, b"trak", 8, len(index)):
        track = index[track_begin:track_end]
        ticks: Fraction | None = None
        frame_ticks = _frame_ticks(child(track, b"mdia"))
        for times_begin, times_end in places_inside(index, track_begin, track_end, b"mdia", b"minf", b"stbl", b"stts"):
            times = _times(index[times_begin:times_end])
            number = _wrong(times, frame_ticks)
            if number is not None:
                content = struct.pack(">I", round(frame_ticks))
                patches.append(Patch(begin + times_begin + 12 + 8 * number, 4, content))
                surplus = times[number][0] * (times[number][1] - frame_ticks)
                ticks = sum(frames * length for frames, length in times) - surplus
        is_sound = child(track, b"mdia", b"hdlr")[8:12] == b"soun"
        for edits_begin, edits_end in (
            places_inside(index, track_begin, track_end, b"edts", b"elst") if is_sound else ()
        ):
            if (edit := _open_edit(index[edits_begin:edits_end])) is not None:
                offset, width = edit
                open_edits.append(Patch(begin + edits_begin + offset, width, _TO_THE_END.to_bytes(width, "big")))
                ticks = _ticks(track) if ticks is None else ticks
        if ticks is not None:
            track_seconds.append(_heard_seconds(track, ticks, movie_per_second))
        elif is_sound:
            track_seconds.append(None)
    mended = (*patches, *open_edits)
    return MendedTimes(mended, tuple(track_seconds) if mended else (), has_wrong_times=bool(patches))


def _frame_ticks(media: bytes) -> Fraction:
    """How long a frame is on the track's clock; 0 where it has none, or its codec does not say it."""
    return _frame_seconds(child(media, b"minf", b"stbl", b"stsd")) * _per_second(child(media, b"mdhd"))


def _per_second(header: bytes) -> int:
    """The ticks of the clock that a `mvhd` or `mdhd` states; 0 where there is none."""
    at = 20 if header[:1] == b"\1" else 12
    return int.from_bytes(header[at : at + 4], "big")


def _ticks(track: bytes) -> Fraction | None:
    """The length of a track's frames on its clock; None where there are too many entries to add."""
    tables = list(places_inside(track, 0, len(track), b"mdia", b"minf", b"stbl", b"stts"))
    times = [each for begin, end in tables for each in _times(track[begin:end])]
    return Fraction(sum(frames * length for frames, length in times)) if times else None


def _frame_seconds(descriptions: bytes) -> Fraction:
    """How long a frame is; 0 where the track is not of AAC-LC or ALAC alone."""
    entry = descriptions[8:]
    if descriptions[4:8] != b"\0\0\0\1":
        return Fraction()
    if entry[4:8] == b"mp4a":
        return _seconds_of_aac(audio_configuration(child(entry[36:], b"esds")))
    cookie = child(entry[36:], b"alac") if entry[4:8] == b"alac" else b""
    if len(cookie) < 28:
        return Fraction()
    samples, rate_hz = struct.unpack_from(">4xI16xI", cookie)
    return Fraction(samples, rate_hz) if rate_hz else Fraction()


def _seconds_of_aac(configuration: bytes) -> Fraction:
    bits = int.from_bytes(configuration[:2], "big")
    rate = bits >> 7 & 15
    if len(configuration) < 2 or bits >> 11 != AAC_LC or rate >= len(AAC_RATES_HZ):
        return Fraction()
    return Fraction(_SHORT_FRAME_SAMPLES if bits & _SHORT_FRAMES else _FRAME_SAMPLES, AAC_RATES_HZ[rate])


def _times(table: bytes) -> list[tuple[int, int]]:
    """How many frames follow each other with one length, and that length; empty where there are too many entries."""
    count = int.from_bytes(table[4:8], "big")
    if not 0 < count <= _MAX_ENTRIES or len(table) < 8 + 8 * count:
        return []
    return [struct.unpack_from(">II", table, 8 + 8 * number) for number in range(count)]


def _wrong(times: list[tuple[int, int]], frame_ticks: Fraction) -> int | None:
    """The entry that makes most of the frames too long or too short; None where there is none."""
    if not times or not round(frame_ticks):
        return None
    number = max(range(len(times)), key=lambda each: times[each][0])
    frames, length = times[number]
    is_most = frames >= _MOST * sum(each for each, _ in times)
    return number if is_most and abs(length - round(frame_ticks)) > _ROUNDED_TICKS else None


def _heard_seconds(track: bytes, ticks: Fraction, movie_per_second: int) -> float:
    """How long the track is without what its edits leave out; an edit may state more than there is."""
    per_second = _per_second(child(track, b"mdia", b"mdhd"))
    edits = _edits(child(track, b"edts", b"elst"))
    if not edits or not movie_per_second:
        return float(ticks / per_second)
    heard = Fraction()
    for length, begin in edits:
        rest = max(Fraction(), ticks - begin) / per_second if begin >= 0 else Fraction()  # below 0 it is a pause
        heard += min(rest, Fraction(length, movie_per_second)) if length else rest
    return float(heard)


def _open_edit(table: bytes) -> tuple[int, int] | None:
    """Where the length of the last edit stands, and in how many bytes. None if it is not 0, or the edit is a pause."""
    edits, width = _edits(table), 8 if table[:1] == b"\1" else 4
    if not edits or struct.unpack_from(">I", table, 4) != (len(edits),) or edits[-1][0] or edits[-1][1] < 0:
        return None
    return 8 + (len(edits) - 1) * (2 * width + 4), width


def _edits(table: bytes) -> list[tuple[int, int]]:
    """The length of each edit on the movie's clock, and its begin on the track's (ISO 14496-12, section 8.6.6)."""
    entry = struct.Struct(">QqI" if table[:1] == b"\1" else ">IiI")
    count = min(int.from_bytes(table[4:8], "big"), _MAX_ENTRIES, len(table[8:]) // entry.size)
    return [entry.unpack_from(table, 8 + entry.size * number)[:2] for number in range(count)]
