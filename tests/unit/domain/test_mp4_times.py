"""The times of frames in the index of an MP4: wrong ones are mended, and pauses stay."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers.mp4 import examine
from worker.domain.containers.mp4_times import WRONG_TIMES
from worker.domain.containers.structure import Structure

_RATE_HZ = 44_100
_FRAME = 1024


def examined(data: bytes) -> Structure:
    return examine(reader(data), 0, len(data))


def a_box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def an_mp4(
    times: Sequence[tuple[int, int]],
    *,
    ticks: int = _RATE_HZ,
    configuration: bytes = b"\x12\x10",
    wide: bool = False,
    codec: bytes = b"mp4a",
) -> bytes:
    """AAC-LC in stereo at 44.1 kHz: an index and no sound."""
    esds = bytes(4) + b"\x03\x19\0\0\0\x04\x11\x40" + bytes(12) + b"\x05" + bytes([len(configuration)]) + configuration
    entry = a_box(codec, bytes(28), a_box(b"esds", esds))
    table = a_box(b"stts", struct.pack(">II", 0, len(times)), *(struct.pack(">II", *each) for each in times))
    header = struct.pack(">IQQIQ", 1 << 24, 0, 0, ticks, 0) if wide else struct.pack(">IIIII", 0, 0, 0, ticks, 0)
    tables = a_box(b"minf", a_box(b"stbl", a_box(b"stsd", struct.pack(">II", 0, 1), entry), table))
    track = a_box(b"trak", a_box(b"mdia", a_box(b"mdhd", header), tables))
    return a_box(b"ftyp", b"M4A ") + a_box(b"moov", a_box(b"mvhd", bytes(100)), track) + a_box(b"mdat", bytes(100))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(("ticks", "length", "right"), [(44_100, 1100, 1024), (88_200, 4096, 2048), (600, 30, 14)])
def test_frames_that_are_longer_than_their_codec_makes_them_get_its_length(
    ticks: int, length: int, right: int, *, wide: bool
) -> None:
    data = an_mp4([(99, length), (1, 512)], ticks=ticks, wide=wide)

    structure = examined(data)

    (patch,) = structure.patches
    assert data[patch.offset - 4 : patch.offset + 4] == struct.pack(">II", 99, length)
    assert patch.content == struct.pack(">I", right)
    assert structure.repairs == (WRONG_TIMES,)


@pytest.mark.parametrize(
    "times",
    [
        [(100, 1024)],
        [(100, 1025)],  # rounded
        [(100, 960)],
        [(50, 1024), (1, 90_000), (50, 1024)],  # a pause
        [(80, 2048), (20, 1024)],
        [(1, 2048)] * 17,
        [],
    ],
)
def test_times_that_a_recording_may_have_stay(times: Sequence[tuple[int, int]]) -> None:
    structure = examined(an_mp4(times))

    assert (structure.patches, structure.repairs) == ((), ())


@pytest.mark.parametrize(
    "options",
    [
        {"configuration": b"\x2b\x92\x08\0"},  # with a further band, whose frames are longer
        {"configuration": b"\x13\x90"},  # at 22.05 kHz: a decoder may find such a band
        {"configuration": b""},
        {"codec": b"alac"},
        {"ticks": 0, "codec": b"samr"},
    ],
)
def test_the_times_of_other_codecs_stay(options: dict[str, object]) -> None:
    assert examined(an_mp4([(100, 4096)], **options)).patches == ()  # type: ignore[arg-type]


def test_a_table_of_times_that_states_more_than_it_has_is_left_alone() -> None:
    entry = struct.pack(">II", 100, 2048)

    structure = examined(an_mp4([(100, 2048)]).replace(bytes(7) + b"\1" + entry, bytes(7) + b"\5" + entry))

    assert structure.patches == ()


def test_the_times_of_a_usual_file_stay() -> None:
    assert examined(sound("end.m4a").read_bytes()).patches == ()
