"""Musepack, TTA, Monkey's Audio, DSD, VOC and GSM field by field, with values on both sides of each limit."""

from __future__ import annotations

import struct

import pytest

from tests.support import rare_sounds
from tests.support.frames import reader
from worker.domain.containers import ape, au, dsd, gsm, musepack, tta
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, Examine, Structure

MUSEPACK_RATES_HZ = (44_100, 48_000, 37_800, 32_000)


def examined(examine: Examine, data: bytes) -> Structure:
    return examine(reader(data), 0, len(data))


@pytest.mark.parametrize(("number", "rate_hz"), list(enumerate(MUSEPACK_RATES_HZ)))
def test_musepack_7_has_its_frames_and_a_rate_in_24_bytes(number: int, rate_hz: int) -> None:
    header = b"MP+\x07" + struct.pack("<I", 1 << 24 | 5) + b"\xff\xff" + bytes([0xFC | number]) + b"\xff" * 12
    samples = ((1 << 24) + 4) * 1152 + 2047

    structure = examined(musepack.examine_7, header + b"\xff")

    assert (structure.track_seconds, structure.sound_samples) == ((samples / rate_hz,), (481, 481 + samples))
    assert examined(musepack.examine_7, header).problem == CUT_OFF


@pytest.mark.parametrize(
    ("frames", "ending", "samples"),
    [
        (3, 0x80000000 | 413 << 20, 2 * 1152 + 413),
        (3, 0x80000000 | 1 << 20 | 0xFFFFF, 2 * 1152 + 1),
        (3, 0x80000000, 3 * 1152),
        (3, 0x7FFFFFFF, 3 * 1152 - 481),
        (0, 0, 0),
    ],
    ids=["last frame", "a sample", "all", "as decoded", "none"],
)
def test_musepack_7_states_its_last_frame_or_ends_where_its_decoder_does(
    frames: int, ending: int, samples: int
) -> None:
    header = b"MP+\x07" + struct.pack("<I12xI", frames, ending)

    structure = examined(musepack.examine_7, header)

    assert (structure.track_seconds, structure.sound_samples) == ((samples / 44_100,), (481, 481 + samples))


def number_of(value: int) -> bytes:
    """Seven bits a byte, the highest first."""
    found = [value & 127]
    while value := value >> 7:
        found.insert(0, 128 | value & 127)
    return bytes(found)


def a_packet(key: bytes, content: bytes, *, more: int = 0) -> bytes:
    """`more` is how many bytes too many it states."""
    return key + number_of(3 + len(content) + more) + content


def a_musepack(samples: int = 44_100, silence: int = 0, rate: int = 0, *, packets: bytes = b"") -> bytes:
    header = b"\xff" * 4 + b"\x08" + number_of(samples) + number_of(silence) + bytes([rate << 5 | 31]) + b"\xff"
    return b"MPCK" + a_packet(b"SH", header) + packets + a_packet(b"SE", b"")


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        *((a_musepack(rate_hz, rate=number), (1.0,)) for number, rate_hz in enumerate(MUSEPACK_RATES_HZ)),
        (a_musepack(rate=4), ()),
        (a_musepack(127), (127 / 44_100,)),
        (a_musepack(128), (128 / 44_100,)),
        (a_musepack(1 << 40, 1 << 20), (((1 << 40) - (1 << 20)) / 44_100,)),
        (a_musepack(300, 300), (0.0,)),
        (a_musepack(300, 301), (0.0,)),
        (a_musepack((1 << 63) - 1), (((1 << 63) - 1) / 44_100,)),  # nine bytes
        (a_musepack(1 << 63), ()),  # ten
    ],
)
def test_musepack_8_states_its_samples_the_silence_before_them_and_a_rate(
    data: bytes, seconds: tuple[float, ...]
) -> None:
    structure = examined(musepack.examine_8, data)

    assert (structure.problem, structure.end, structure.track_seconds) == (None, len(data), seconds)


def test_musepack_8_has_its_sound_behind_the_delay_of_its_decoder_and_the_silence() -> None:
    assert examined(musepack.examine_8, a_musepack(9000)).sound_samples == (481, 9481)
    assert examined(musepack.examine_8, a_musepack(9000, 100)).sound_samples == (581, 9481)
    assert examined(musepack.examine_8, a_musepack(9000, 8999)).sound_samples == (9480, 9481)
    for unknown in (a_musepack(0), a_musepack(300, 300), a_musepack(rate=4)):
        assert examined(musepack.examine_8, unknown).sound_samples is None


def test_musepack_8_is_packets_of_two_capitals_and_a_length() -> None:
    sound = a_packet(b"AP", b"x" * 9) + a_packet(b"AP", b"") + b"AP\x81\x00" + b"y" * 124  # 128 bytes, by two
    data = a_musepack(packets=sound)

    assert examined(musepack.examine_8, data).problem is None
    for packet in (b"ap\x05xx", b"A1\x05xx", b"AP\x02", b"AP\x00", b"SE\x01", b"SE\x02", b"AP" + b"\x80" * 9):
        assert examined(musepack.examine_8, a_musepack(packets=packet)).problem == CUT_OFF


@pytest.mark.parametrize("length", range(4, len(a_musepack(packets=a_packet(b"AP", b"x" * 20)))))
def test_musepack_8_is_cut_off_anywhere_before_its_last_byte(length: int) -> None:
    data = a_musepack(packets=a_packet(b"AP", b"x" * 20))

    structure = examined(musepack.examine_8, data[:length])

    assert structure.problem == CUT_OFF
    assert structure.end <= length


def a_tta(samples: int, sizes: list[int], rate_hz: int = 245_00) -> bytes:
    """Frames of 25,600 samples, as the format has them at this rate: 256 / 245 of a second."""
    head = b"TTA1" + struct.pack("<HHHIII", 1, 2, 16, rate_hz, samples, 0xFFFF_FFFF)
    return head + struct.pack(f"<{len(sizes)}II", *sizes, 0xFFFF_FFFF) + b"".join(b"x" * size for size in sizes)


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (25_600, 1), (25_601, 2), (51_200, 2), (51_201, 3)])
def test_tta_has_a_frame_for_each_second_that_is_a_little_longer(samples: int, frames: int) -> None:
    data = a_tta(samples, [300 + number for number in range(frames)])

    structure = examined(tta.examine, data)

    assert (structure.problem, structure.end) == (None, len(data))
    assert structure.begin == 22 + 4 * frames + 4
    assert structure.track_seconds == (samples / 24_500,)
    for length in (21, 22, 24, 25, structure.begin - 5, structure.begin, len(data) - 1):
        assert examined(tta.examine, data[:length]).problem == CUT_OFF


def test_tta_without_a_rate_is_not_judged() -> None:
    assert examined(tta.examine, a_tta(1, [9], rate_hz=0)) == Structure(0, len(a_tta(1, [9])))


@pytest.mark.parametrize(
    ("examine", "data"),
    [
        (tta.examine, a_tta(9, [99])),
        (ape.examine, rare_sounds.ape()),
        (dsd.examine_dsf, rare_sounds.dsf(2)),
        (dsd.examine_dff, rare_sounds.dff(99)),
        (musepack.examine_8, a_musepack()),
    ],
)
def test_four_bytes_of_a_second_file_are_refused_as_joined_and_three_are_passed_over(
    examine: Examine, data: bytes
) -> None:
    assert examined(examine, data + data[:4]).problem == JOINED
    assert examined(examine, data + data[:3]).problem is None
    assert examined(examine, data + data[:3]).read_range in {None, (0, len(data))}


@pytest.mark.parametrize("length", [0, 51, 52, 75, 76, 99, 116, 131, 132, 147])
def test_monkeys_audio_is_cut_off_anywhere_before_its_last_byte(length: int) -> None:
    data = rare_sounds.ape()

    assert examined(ape.examine, data[: min(length, len(data) - 1)]).problem == CUT_OFF


def an_ape(version: int = 3990, *, tail: int = 0, frames: int = 3, rate_hz: int = 44_100, high: int = 0) -> bytes:
    """Frames of 1000 samples, but for the last one of 10; 64 bytes of sound."""
    fields = (version, 0, 60, 30, 8, 16, 64, high, tail)
    descriptor = struct.pack("<4sHHIIIIIII16s", b"MAC ", *fields, b"\xff" * 16).ljust(60, b"\xff")
    header = struct.pack("<HHIIIHHI", 2000, 0x20, 1000, 10, frames, 16, 2, rate_hz).ljust(30, b"\xff")
    return descriptor + header + b"t" * 8 + b"w" * 16 + b"s" * 64 + b"e" * tail


def test_monkeys_audio_states_where_everything_lies() -> None:
    data = an_ape(tail=7)

    structure = examined(ape.examine, data + b"junk" * 9)

    assert (structure.begin, structure.end) == (114, 178)
    assert structure.track_seconds == (2010 / 44_100,)
    assert (structure.problem, structure.read_range) == (None, (0, 185))
    assert structure.repairs == (BYTES_BEHIND,)
    assert examined(ape.examine, data + an_ape()).problem == JOINED
    assert examined(ape.examine, data[:178]).problem is None
    assert examined(ape.examine, data[:177]).problem == CUT_OFF
    assert examined(ape.examine, data[:83]).problem == CUT_OFF
    assert examined(ape.examine, an_ape(frames=1)).track_seconds == (10 / 44_100,)
    assert examined(ape.examine, an_ape(frames=0)).track_seconds == (10 / 44_100,)
    assert examined(ape.examine, an_ape(rate_hz=0)).track_seconds == ()
    assert examined(ape.examine, an_ape(high=1)).problem == CUT_OFF
    assert ape.examine(reader(an_ape(high=1)), 0, 178 + (1 << 32)).problem is None
    assert ape.examine(reader(an_ape(high=1)), 0, 177 + (1 << 32)).problem == CUT_OFF
    assert examined(ape.examine, an_ape(3980)).problem is None
    assert "before 3.98" in (examined(ape.examine, an_ape(3979)).problem or "")


def a_dsf(samples: int = 800, rate_hz: int = 800, sound: int = 100, *, form_bytes: int = 52) -> bytes:
    form = struct.pack("<IIIIIIQII", 1, 0, 2, 2, rate_hz, 1, samples, 4095, 0)
    form = b"fmt " + struct.pack("<Q", form_bytes) + form + bytes(form_bytes - 52)
    return b"DSD " + bytes(24) + form + b"data" + struct.pack("<Q", 12 + sound) + b"i" * sound


def test_dsf_states_its_samples_and_where_they_lie() -> None:
    for form_bytes in (52, 60):
        data = a_dsf(form_bytes=form_bytes)
        structure = examined(dsd.examine_dsf, data)
        assert (structure.begin, structure.end) == (28 + form_bytes + 12, len(data))
        assert (structure.problem, structure.track_seconds) == (None, (1.0,))
        for length in (79, 80, 28 + form_bytes + 11, 28 + form_bytes + 12, len(data) - 1):
            cut = examined(dsd.examine_dsf, data[:length])
            assert cut.problem == CUT_OFF
            assert cut.begin <= cut.end <= length
    empty = examined(dsd.examine_dsf, a_dsf(sound=-9) + b"behind it")
    assert (empty.problem, empty.begin, empty.end) == (None, 92, 92)
    assert examined(dsd.examine_dsf, a_dsf(rate_hz=0)).track_seconds == ()
    assert examined(dsd.examine_dsf, a_dsf(samples=1 << 33)).track_seconds == ((1 << 33) / 800,)


def a_dff(sound: int, behind: bytes = b"", *, more: int = 0) -> bytes:
    body = b"DSD FVER" + struct.pack(">Q", 3) + b"\1\5\0\0" + b"DSD " + struct.pack(">Q", sound)
    body += b"i" * (sound + sound % 2) + behind
    return b"FRM8" + struct.pack(">Q", len(body) + more) + body


def test_dff_is_chunks_of_an_even_length() -> None:
    for sound in (100, 101):
        data = a_dff(sound)
        structure = examined(dsd.examine_dff, data)
        assert (structure.problem, structure.begin, structure.end) == (None, 44, 44 + sound)
        assert structure.read_range is None
        assert examined(dsd.examine_dff, data[: 43 + sound]).problem == CUT_OFF
        assert examined(dsd.examine_dff, data[:43]).problem == CUT_OFF
        stated = data[:36] + b"\1" + data[37:]  # the highest of the eight bytes
        assert examined(dsd.examine_dff, stated).problem == CUT_OFF


def test_dff_may_have_chunks_behind_its_sound_and_nothing_else_is_seen() -> None:
    comment = b"COMT" + struct.pack(">Q", 3) + b"abc\0"
    data = a_dff(100, comment)

    assert examined(dsd.examine_dff, data).read_range is None
    assert examined(dsd.examine_dff, data + b"\xff" * 20).read_range == (0, len(data))
    assert examined(dsd.examine_dff, data + data).problem == JOINED


def test_gsm_is_refused_where_its_beginning_or_its_end_is_not_frames() -> None:
    frame = b"\xd3" + bytes(32)
    many = (1 << 15) + 100

    assert examined(gsm.examine, frame * 12).track_seconds == pytest.approx((0.24,))
    assert examined(gsm.examine, frame * 12).frame_bytes == 396
    assert examined(gsm.examine, frame * 12 + frame[:1]).problem == CUT_OFF
    assert examined(gsm.examine, frame * 11 + b"\xc3" + bytes(32)).problem is not None
    assert examined(gsm.examine, b"\xe3" + bytes(32) + frame * 11).problem is not None
    assert examined(gsm.examine, frame * many).problem is None
    assert examined(gsm.examine, frame * (many - 1) + bytes(33)).problem is not None
    assert examined(gsm.examine, bytes(33) + frame * (many - 1)).problem is not None
    data = b"j" * 9 + frame * 12 + rare_sounds.ID3V1
    assert gsm.examine(reader(data), 9, len(data)).problem is None
    for count in (12, many):
        tagged = examined(gsm.examine, frame * count + rare_sounds.ID3V1)
        assert (tagged.problem, tagged.read_range) == (None, (0, 33 * count))


@pytest.mark.parametrize("length", [0, 23])
def test_an_au_has_a_header_of_24_bytes(length: int) -> None:
    data = struct.pack(">4s5I", b".snd", 28, 16, 3, 8000, 1) + b"note" + bytes(range(16))

    assert examined(au.examine, data[:length]).problem == CUT_OFF
    assert (examined(au.examine, data).begin, examined(au.examine, data).track_seconds) == (28, (0.001,))
