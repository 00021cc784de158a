"""The fragments of an MP4: their places and their lengths, and what is no such file."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from worker.domain.containers.mp4_fragments import Fragment, Fragments, fragments_of


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def numbers(code: str, *values: int) -> bytes:
    return struct.pack(f">{code}", *values)


def header(rate_hz: int = 44_100, edits: bytes = b"", *, wide: bool = False) -> bytes:
    media = numbers("IQQIQ", 1 << 24, 0, 0, rate_hz, 0) if wide else numbers("IIIII", 0, 0, 0, rate_hz, 0)
    track = box(b"trak", box(b"edts", box(b"elst", edits)) if edits else b"", box(b"mdia", box(b"mdhd", media)))
    return box(b"ftyp", b"iso5") + box(b"moov", box(b"mvhd", bytes(100)), track)


def fragment(*boxes: bytes, media: bytes = b"sound") -> bytes:
    return box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", *boxes)) + box(b"mdat", media)


TRACK = box(b"tfhd", numbers("III", 0x8, 1, 1024))
RUN = box(b"trun", numbers("III", 0x1, 3, 100))
SKIPS_1024 = numbers("IIIii", 0, 1, 0, 1024, 1 << 16)


def read(data: bytes) -> Fragments:
    return fragments_of(reader(data), len(data))


def test_frames_of_the_same_length_are_counted() -> None:
    data = header(edits=SKIPS_1024) + fragment(TRACK, RUN) + fragment(TRACK, RUN, RUN)
    first, second = len(header(edits=SKIPS_1024)), len(header(edits=SKIPS_1024) + fragment(TRACK, RUN))

    assert read(data) == Fragments(44_100, 1024, [Fragment(first, second, 3072), Fragment(second, len(data), 6144)])


@pytest.mark.parametrize(
    ("flags", "entries"),
    [
        (0x100, [1024, 640]),
        (0x101, [0, 1024, 640]),
        (0x104, [0, 1024, 640]),
        (0x500, [1024, 0, 640, 0]),
        (0x900, [1024, 0, 640, 0]),
        (0x300, [1024, 77, 640, 78]),
        (0xF00, [1024, 77, 0, 0, 640, 78, 0, 0]),
        (0x305, [0, 0, 1024, 77, 640, 78]),
    ],
)
def test_lengths_of_their_own_outweigh_the_tracks(flags: int, entries: list[int]) -> None:
    run = box(b"trun", numbers(f"II{len(entries)}I", flags, 2, *entries))

    assert read(header() + fragment(TRACK, run)).each[0].samples == 1664


def test_the_tracks_length_stands_behind_what_else_is_told_of_it() -> None:
    for fields in (
        numbers("III", 0x8, 1, 960),
        numbers("IIQI", 0x9, 1, 0, 960),
        numbers("IIII", 0xA, 1, 1, 960),
        numbers("IIQII", 0xB, 1, 0, 1, 960),
        numbers("IIII", 0xFFFF_FFFC, 1, 960, 1),
    ):
        assert read(header() + fragment(box(b"tfhd", fields), RUN)).each[0].samples == 2880


def test_a_track_that_states_no_length_of_its_samples_has_none() -> None:
    for fields in (numbers("III", 0, 1, 960), numbers("IIQI", 0x1, 1, 0, 960)):
        assert read(header() + fragment(box(b"tfhd", fields), RUN)).each[0].samples == 0


@pytest.mark.parametrize(
    ("edits", "skipped"), [(b"", 0), (SKIPS_1024, 1024), (numbers("IIQqi", 1 << 24, 1, 0, 2112, 1 << 16), 2112)]
)
def test_what_is_not_played_at_the_beginning_stands_in_the_edit_list(edits: bytes, skipped: int) -> None:
    assert read(header(edits=edits) + fragment(TRACK, RUN)).skipped == skipped


def test_what_the_boxes_of_a_fragment_state_is_not_of_the_header() -> None:
    data = header() + fragment(TRACK, RUN, box(b"mdhd", numbers("IIIII", 0, 0, 0, 8000, 0)))

    assert read(data).rate_hz == 44_100


def test_a_header_of_64_bits_has_its_rate_elsewhere() -> None:
    assert read(header(48_000, wide=True) + fragment(TRACK, RUN)).rate_hz == 48_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        header(),
        fragment(TRACK, RUN),
        header() + fragment(TRACK, RUN)[:-1],
        header() + fragment(TRACK, RUN) + box(b"mfra", bytes(8)),
        header() + fragment(TRACK, RUN) + box(b"moof"),
        header() + box(b"mdat", b"sound") + fragment(TRACK, RUN),
        header() + fragment(TRACK, box(b"trun", numbers("IIII", 0x100, 3, 1024, 1024))),
        header() + fragment(TRACK, box(b"trun", b"\0")),
        header() + fragment(TRACK, numbers("I", 900) + b"trun"),
        header(edits=numbers("IIIii", 0, 1, 0, -1, 1 << 16)) + fragment(TRACK, RUN),
        header(edits=numbers("II", 0, 2) + bytes(24)) + fragment(TRACK, RUN),
        box(b"ftyp", b"iso5") + box(b"moov", box(b"mvhd", bytes(100))) + fragment(TRACK, RUN),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="MP4"):
        read(data)
