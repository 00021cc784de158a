"""The times of frames in the index of an MP4: wrong ones are mended, and pauses stay."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from tests.support.frames import reader
from tests.support.sounds import SECONDS, sound
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
    edits: bytes = b"",
    others: bytes = b"",
    handler: bytes = b"soun",
) -> bytes:
    """AAC-LC in stereo at 44.1 kHz: an index and no sound."""
    esds = bytes(4) + b"\x03\x19\0\0\0\x04\x11\x40" + bytes(12) + b"\x05" + bytes([len(configuration)]) + configuration
    entry = a_box(codec, bytes(28), a_box(b"esds", esds))
    table = a_box(b"stts", struct.pack(">II", 0, len(times)), *(struct.pack(">II", *each) for each in times))
    header = struct.pack(">IQQIQ", 1 << 24, 0, 0, ticks, 0) if wide else struct.pack(">IIIII", 0, 0, 0, ticks, 0)
    tables = a_box(b"minf", a_box(b"stbl", a_box(b"stsd", struct.pack(">II", 0, 1), entry), table))
    track = a_box(
        b"trak",
        a_box(b"edts", edits),
        a_box(b"mdia", a_box(b"mdhd", header), a_box(b"hdlr", bytes(8), handler, bytes(12)), tables),
    )
    movie = a_box(b"mvhd", bytes(12), struct.pack(">I", 1000), bytes(84))
    return a_box(b"ftyp", b"M4A ") + a_box(b"moov", movie, others, track) + a_box(b"mdat", bytes(100))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("ticks", "length", "right"),
    [(44_100, 1100, 1024), (88_200, 4096, 2048), (600, 30, 14), (44_100, 960, 1024), (44_100, 1, 1024)],
)
def test_frames_that_are_longer_or_shorter_than_their_codec_makes_them_get_its_length(
    ticks: int, length: int, right: int, *, wide: bool
) -> None:
    data = an_mp4([(99, length), (1, 512)], ticks=ticks, wide=wide)

    structure = examined(data)

    (patch,) = structure.patches
    assert data[patch.offset - 4 : patch.offset + 4] == struct.pack(">II", 99, length)
    assert patch.content == struct.pack(">I", right)
    assert structure.repairs == (WRONG_TIMES,)
    data = an_mp4([(1, 512), (2, 700), (99, length)], ticks=ticks, wide=wide)
    (patch,) = examined(data).patches
    assert (data[patch.offset - 4 : patch.offset + 4], patch.length) == (struct.pack(">II", 99, length), 4)


def an_elst(*edits: tuple[int, int], wide: bool = False) -> bytes:
    """Of edits with a length in milliseconds, and where each begins in the track."""
    code = ">QqI" if wide else ">IiI"
    return a_box(
        b"elst",
        struct.pack(">II", wide << 24, len(edits)),
        *(struct.pack(code, *each, 1 << 16) for each in edits),
    )


_SOUND = (99 * _FRAME + 512) / _RATE_HZ


@pytest.mark.parametrize(
    ("edits", "seconds"),
    [
        (b"", _SOUND),
        (an_elst((9999, 1024)), _SOUND - 1024 / _RATE_HZ),
        (an_elst((0, 1024)), _SOUND - 1024 / _RATE_HZ),
        (an_elst((500, 1024)), 0.5),
        (an_elst((500, 1024), wide=True), 0.5),
        (an_elst((700, -1), (500, 0), (250, 40_000)), 0.75),  # a pause in front, and a second piece
        (an_elst((500, 999_999)), 0.0),
        (a_box(b"elst", struct.pack(">II", 0, 9)), _SOUND),
        (
            a_box(b"elst", struct.pack(">IIIiIIiI", 0, 1, 500, 0, 1 << 16, 500, 0, 1 << 16)),
            0.5,
        ),  # two, of which 1 counts
        (a_box(b"elst", struct.pack(">IIIiI", 0, 1 << 24, 500, 0, 1 << 16)), 0.5),
        (a_box(b"elst", struct.pack(">IIIiI", 0, 9, 500, 0, 1 << 16) + bytes(11)), 0.5),  # the second is cut off
    ],
)
def test_a_track_with_mended_times_has_their_length_but_for_what_edits_leave_out(edits: bytes, seconds: float) -> None:
    structure = examined(an_mp4([(99, 2048), (1, 512)], edits=edits))

    assert structure.track_seconds == pytest.approx((seconds,))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("edits", "seconds"),
    [([(0, 1024)], 99 * _FRAME / _RATE_HZ), ([(0, 0)], 100 * _FRAME / _RATE_HZ), ([(500, 0), (0, 99_000)], None)],
)
def test_an_edit_without_a_length_goes_on_to_the_end(
    edits: list[tuple[int, int]], seconds: float | None, *, wide: bool
) -> None:
    data = an_mp4([(100, _FRAME)], edits=an_elst(*edits, wide=wide))

    structure = examined(data)

    (patch,) = structure.patches
    assert patch.offset == data.index(b"elst") + 12 + (len(edits) - 1) * (20 if wide else 12)
    assert patch.content == (0x7FFF_FFFF).to_bytes(8 if wide else 4, "big")
    assert structure.repairs == ()
    assert structure.track_seconds == pytest.approx((0.5 + 3400 / _RATE_HZ if seconds is None else seconds,))


@pytest.mark.parametrize(
    ("edits", "handler"),
    [
        (an_elst((1, 1024)), b"soun"),
        (an_elst((0, -1)), b"soun"),  # a pause
        (an_elst((0, 0), (500, 0)), b"soun"),
        (an_elst((0, 0)), b"vide"),
        (an_elst((0, 0))[:-1], b"soun"),
        (a_box(b"elst", struct.pack(">IIIiI", 0, 1 << 24 | 1, 0, 0, 1 << 16)), b"soun"),  # more are stated
        (b"", b"soun"),
    ],
)
def test_other_edits_stay_as_they_are(edits: bytes, handler: bytes) -> None:
    structure = examined(an_mp4([(100, _FRAME)], edits=edits, handler=handler))

    assert (structure.problem, structure.patches, structure.track_seconds) == (None, (), ())


def test_what_a_configuration_says_behind_its_first_fields_does_not_change_the_length_of_a_frame() -> None:
    (patch,) = examined(an_mp4([(99, 2048)], configuration=b"\x12\x10\x56\xe5\x00")).patches

    assert patch.content == struct.pack(">I", _FRAME)


def test_a_clock_too_coarse_for_a_frame_does_not_change_the_length() -> None:
    assert examined(an_mp4([(1000, 46)], ticks=1000)).track_seconds == pytest.approx((1000 * _FRAME / _RATE_HZ,))


def test_of_tracks_beside_a_mended_one_nothing_is_stated() -> None:
    others = [
        a_box(b"trak", a_box(b"mdia", a_box(b"hdlr", bytes(8), kind, bytes(12))))
        for kind in (b"vide", b"soun", b"soun")
    ]

    structure = examined(an_mp4([(100, 2048)], others=b"".join(others)))

    assert structure.track_seconds == (None, None, 100 * _FRAME / _RATE_HZ)


@pytest.mark.parametrize(("length", "is_mended"), [(1022, True), (1023, False), (1025, False), (1026, True)])
def test_a_length_may_be_rounded_by_one(length: int, *, is_mended: bool) -> None:
    assert bool(examined(an_mp4([(100, length)])).patches) == is_mended


@pytest.mark.parametrize(
    "times",
    [
        [(100, 1024)],
        [(100, 1025)],  # rounded
        [(50, 1024), (1, 90_000), (50, 1024)],  # a pause
        [(80, 2048), (20, 1024)],
        [(89, 2048), (11, 1024)],
        [(1, 2048)] * 17,
        [],
    ],
)
def test_times_that_a_recording_may_have_stay(times: Sequence[tuple[int, int]]) -> None:
    structure = examined(an_mp4(times))

    assert (structure.patches, structure.repairs, structure.track_seconds) == ((), (), ())


@pytest.mark.parametrize(
    "options",
    [
        {"configuration": b"\x2b\x92\x08\0"},  # with a further band, whose frames are longer
        {"configuration": b"\x13\x10"},  # at 24 kHz
        {"configuration": b"\x13\x90"},  # at 22.05 kHz: a decoder may find such a band
        {"configuration": b""},
        {"codec": b"alac"},  # that does not say how long its frames are
        {"ticks": 0, "codec": b"samr"},
    ],
)
def test_the_times_of_other_codecs_stay(options: dict[str, object]) -> None:
    assert examined(an_mp4([(100, 4096)], **options)).patches == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [1, 2048, 8192])
def test_frames_of_alac_have_the_length_that_its_header_states(length: int) -> None:
    data = sound("alac.m4a").read_bytes()
    table = data.index(b"stts") + 12
    (frames,) = struct.unpack_from(">I", data, table)

    structure = examined(data[: table + 4] + struct.pack(">I", length) + data[table + 8 :])

    assert frames > 20
    assert [(patch.offset, patch.content) for patch in structure.patches] == [(table + 4, struct.pack(">I", 4096))]
    assert structure.track_seconds == pytest.approx((SECONDS,), abs=0.001)


def test_nine_tenths_of_the_frames_are_most_of_them() -> None:
    assert len(examined(an_mp4([(90, 2048), (10, 1024)])).patches) == 1


@pytest.mark.parametrize("configuration", [b"\x12\x11", b"\x12\x12"])
def test_other_bits_of_a_configuration_of_aac_do_not_shorten_its_frames(configuration: bytes) -> None:
    assert examined(an_mp4([(100, 1024)], configuration=configuration)).patches == ()
    assert len(examined(an_mp4([(100, 960)], configuration=configuration)).patches) == 1


def test_short_frames_of_aac_are_960_samples() -> None:
    assert examined(an_mp4([(100, 960)], configuration=b"\x12\x14")).patches == ()
    assert examined(an_mp4([(100, 1024)], configuration=b"\x12\x14")).track_seconds == (100 * 960 / _RATE_HZ,)


def test_the_times_of_a_file_with_fragments_stay() -> None:
    fragment = a_box(b"moof", a_box(b"traf")) + a_box(b"mdat", bytes(100))

    structure = examined(an_mp4([(100, 2048)]) + fragment)

    assert (structure.patches, structure.repairs) == ((), ())


def test_the_index_may_stand_behind_much_sound() -> None:
    data = a_box(b"mdat", bytes(9 << 20)) + an_mp4([(99, 2048), (1, 512)])

    assert len(examined(data).patches) == 1


def test_a_table_of_times_that_states_more_than_it_has_is_left_alone() -> None:
    entry = struct.pack(">II", 100, 2048)

    for count in (b"\0\0\0\5", b"\1\0\0\1"):
        structure = examined(an_mp4([(100, 2048)]).replace(bytes(7) + b"\1" + entry, bytes(4) + count + entry))
        assert structure.patches == ()


def test_the_times_of_a_usual_file_stay() -> None:
    assert examined(sound("end.m4a").read_bytes()).patches == ()
