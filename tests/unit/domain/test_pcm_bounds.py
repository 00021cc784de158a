"""The chunks of WAV, RF64, AIFF and CAF field by field, with values on both sides of each limit."""

from __future__ import annotations

import math
import struct
from array import array

import pytest

from tests.support.frames import reader
from worker.domain.containers import aiff, caf, wav
from worker.domain.containers.data_end import MORE_SOUND, UNCLEAR_REST
from worker.domain.containers.structure import CUT_OFF, Examine, Structure

SLACK = 64  # bytes, less than a millisecond
RATE_HZ = 8000


def examined(examine: Examine, data: bytes) -> Structure:
    return examine(reader(data), 0, len(data))


def tone(samples: int) -> bytes:
    """16 bits, mono, little-endian."""
    return array("h", [int(9000 * math.sin(n / 3) + 3000 * math.sin(n / 7)) for n in range(samples)]).tobytes()


def chunk(name: bytes, content: bytes, *, more: int = 0, pads: bool = True) -> bytes:
    return name + struct.pack("<I", len(content) + more) + content + b"\0" * (len(content) % 2 if pads else 0)


FORMAT = struct.pack("<HHIIHH", 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)


def a_wav(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    return magic + b"\xff\xff\xff\xffWAVE" + b"".join(chunks)


@pytest.mark.parametrize("before", [b"", chunk(b"JUNK", b"odd"), chunk(b"JUNK", b"even")])
@pytest.mark.parametrize(
    "behind",
    [
        b"",
        chunk(b"LIST", b""),
        chunk(b"LIST", b"even" * 40),
        chunk(b"LIST", b"odd" * 41) + chunk(b"id3 ", b"x" * 201),
        chunk(b"LIST", b"odd" * 41, pads=False) + chunk(b"id3 ", b"x" * 200),
        chunk(b" ~a~", b"names may have these" * 9),
        chunk(b"LIST", b"x" * 200, more=SLACK),
    ],
)
def test_chunks_around_the_samples_of_a_wav_are_passed_over(before: bytes, behind: bytes) -> None:
    for samples in (tone(4000), tone(4000)[:-1]):
        for pads in (True, False):
            head = a_wav(before, chunk(b"fmt ", FORMAT))
            data = head + chunk(b"data", samples, pads=pads) + behind
            structure = examined(wav.examine, data)
            begin = len(head) + 8
            assert (structure.problem, structure.begin, structure.end) == (None, begin, begin + len(samples))
            assert structure.repairs == ()
            assert structure.track_seconds == (len(samples) // 2 / RATE_HZ,)


@pytest.mark.parametrize(
    "behind",
    [
        chunk(b"\x1fIST", b"x" * 200),
        chunk(b"LIS\x7f", b"x" * 200),
        chunk(b"LIST", b"x" * 200, more=SLACK + 1),
    ],
)
def test_what_is_no_chunk_behind_the_samples_of_a_wav_is_judged_as_bytes(behind: bytes) -> None:
    data = a_wav(chunk(b"fmt ", FORMAT), chunk(b"data", tone(4000)), behind)

    assert len(examined(wav.examine, data).repairs) == 1


@pytest.mark.parametrize(("length", "is_known"), [(14, False), (15, False), (16, True)])
def test_a_format_of_a_wav_has_16_bytes(length: int, *, is_known: bool) -> None:
    data = a_wav(chunk(b"fmt ", FORMAT[:length]), chunk(b"data", tone(400)))

    assert bool(examined(wav.examine, data).track_seconds) is is_known


NOT_IN_A_ROW = "the chunks of the {} file do not follow each other"


def test_a_wav_whose_chunk_lacks_the_byte_that_makes_it_even_is_not_called_cut_off() -> None:
    odd = b"LIST" + (9).to_bytes(4, "little") + bytes(9)

    problem = examined(wav.examine, a_wav(chunk(b"fmt ", FORMAT), odd, chunk(b"data", bytes(4000)))).problem

    assert problem == "the source is damaged: " + NOT_IN_A_ROW.format("WAV")


def test_a_wav_without_samples_is_cut_off() -> None:
    data = a_wav(chunk(b"fmt ", FORMAT), chunk(b"data", b""))

    for length in range(12, len(data)):
        assert examined(wav.examine, data[:length]).problem == CUT_OFF
    assert examined(wav.examine, data).problem is None


def a_rf64(samples: bytes, stated: int, *, in_data: int = 0xFFFF_FFFF) -> bytes:
    sizes = chunk(b"ds64", struct.pack("<QQQI", (1 << 64) - 1, stated, (1 << 64) - 1, 0))
    return a_wav(sizes, chunk(b"fmt ", FORMAT), b"data" + struct.pack("<I", in_data) + samples, magic=b"RF64")


def test_a_size_of_64_bits_counts_where_that_of_the_samples_is_open() -> None:
    samples = tone(4000)

    assert examined(wav.examine, a_rf64(samples, 8000)).track_seconds == (0.5,)
    assert examined(wav.examine, a_rf64(samples + b"x" * 99, 8000)).track_seconds == (0.5,)
    assert examined(wav.examine, a_rf64(samples, 0)).track_seconds == (0.5,)  # not stated
    for stated, repairs in ((0, 0), (1, 1), (4000, 1)):  # 1 is stated, and not all
        assert len(examined(wav.examine, a_rf64(samples, stated)).repairs) == repairs
    for stated in (8001 + SLACK, 1 << 32, 1 << 47):
        assert examined(wav.examine, a_rf64(samples, stated)).problem == CUT_OFF
        assert examined(wav.examine, a_rf64(samples, stated, in_data=8000)).problem is None
    assert examined(wav.examine, a_rf64(samples, 8000 + SLACK)).problem is None
    assert examined(wav.examine, a_rf64(samples, 8000)[:-1]).problem is None
    assert examined(wav.examine, a_rf64(samples, 8000)[: -SLACK - 1]).problem == CUT_OFF


@pytest.mark.parametrize(("behind", "seconds"), [(SLACK, 0.0), (SLACK + 2, (SLACK + 2) / 2 / RATE_HZ)])
def test_a_stated_size_of_0_is_believed_where_64_bytes_or_fewer_follow(behind: int, seconds: float) -> None:
    data = a_wav(chunk(b"fmt ", FORMAT), chunk(b"data", b"")) + tone(behind // 2)

    assert (examined(wav.examine, data).track_seconds, examined(wav.examine, data).repairs) == ((seconds,), ())


def extended(rate_hz: float) -> bytes:
    """A number of 80 bits."""
    fraction, exponent = math.frexp(rate_hz)
    return struct.pack(">HQ", exponent + 16382, int(fraction * (1 << 64)))


def big(name: bytes, content: bytes, *, length: int | None = None) -> bytes:
    stated = len(content) if length is None else length
    return name + struct.pack(">I", stated) + content + b"\0" * (len(content) % 2)


def common(bits: int = 16, channels: int = 1, rate: bytes = extended(RATE_HZ), kind: bytes = b"") -> bytes:
    return big(b"COMM", struct.pack(">HIH", channels, 0xFFFF_FFFF, bits) + rate + kind)


def an_aiff(samples: bytes, description: bytes, *behind: bytes, more: int = 0, offset: int = 0) -> bytes:
    content = struct.pack(">II", offset, 0) + b"U" * offset + samples
    sound = big(b"SSND", content, length=len(content) + more)
    return b"FORM\xff\xff\xff\xffAIFC" + description + sound + b"".join(behind)


@pytest.mark.parametrize("rate_hz", [1, 2, 3, 8000, 11_025, 44_100, 192_000, (1 << 32) - 1])
def test_the_rate_of_an_aiff_is_a_number_of_80_bits(rate_hz: int) -> None:
    data = an_aiff(bytes(range(200)), common(rate=extended(rate_hz)))

    assert examined(aiff.examine, data).track_seconds == (100 / rate_hz,)


@pytest.mark.parametrize("rate", [extended(0.5), extended(1 << 32), bytes(10), b"\xff" * 10])
def test_a_rate_below_1_hz_or_beyond_32_bits_is_none(rate: bytes) -> None:
    assert examined(aiff.examine, an_aiff(bytes(range(200)), common(rate=rate))).track_seconds == ()


@pytest.mark.parametrize(
    ("kind", "bits", "sample_bytes"),
    [
        *(
            (kind, bits, (bits + 7) // 8)
            for kind in (b"", b"NONE", b"twos", b"sowt")
            for bits in (1, 8, 9, 16, 17, 32)
        ),
        (b"in24", 24, 3),
        (b"in32", 32, 4),
        (b"fl32", 32, 4),
        (b"FL32", 32, 4),
        (b"fl64", 64, 8),
        (b"FL64", 64, 8),
        (b"ulaw", 16, 1),
        (b"ULAW", 16, 1),
        (b"alaw", 16, 1),
        (b"ALAW", 16, 1),
        (b"ima4", 16, None),
        (b"NONE", 33, None),
        (b"NONE", 0, None),
    ],
)
def test_the_kinds_of_samples_of_an_aiff_have_names(kind: bytes, bits: int, sample_bytes: int | None) -> None:
    data = an_aiff(bytes(range(240)), common(bits, 2, kind=kind + b"\x04name" if kind else b""))

    seconds = () if sample_bytes is None else (240 // (2 * sample_bytes) / RATE_HZ,)
    assert examined(aiff.examine, data).track_seconds == seconds


@pytest.mark.parametrize("behind", [(), (big(b"NAME", b"odd"),), (big(b"NAME", b"odd"), big(b"ANNO", b"even" * 40))])
@pytest.mark.parametrize(("samples", "bits"), [(tone(400), 16), (tone(400), 8), (tone(400)[:-1], 8)])
def test_an_aiff_has_its_samples_behind_eight_bytes_and_chunks_behind_them(
    samples: bytes, bits: int, behind: tuple[bytes, ...]
) -> None:
    data = an_aiff(samples, common(bits), *behind)
    begin = data.index(b"SSND") + 16

    structure = examined(aiff.examine, data)

    assert (structure.problem, structure.begin, structure.end) == (None, begin, begin + len(samples))
    assert (structure.read_range, structure.repairs) == (None, ())


def test_an_aiff_that_is_shorter_than_stated_is_cut_off() -> None:
    data = an_aiff(tone(400), common())

    assert examined(aiff.examine, data[: data.index(b"SSND") + 7]).problem == CUT_OFF
    assert examined(aiff.examine, data[:30]).problem == CUT_OFF
    unfilled = data[:12] + b"NAME\0\0\0\5Title" + data[12:]
    assert examined(aiff.examine, unfilled).problem == "the source is damaged: " + NOT_IN_A_ROW.format("AIFF")
    assert examined(aiff.examine, an_aiff(tone(400), common(), more=SLACK)).problem is None
    assert examined(aiff.examine, an_aiff(tone(400), common(), more=SLACK + 2)).problem == CUT_OFF
    assert examined(aiff.examine, an_aiff(tone(400), common()[:-1])).track_seconds == ()


def wide(name: bytes, content: bytes, *, length: int | None = None) -> bytes:
    return name + struct.pack(">q", len(content) if length is None else length) + content


def description(
    kind: bytes = b"lpcm",
    *,
    rate_hz: float = RATE_HZ,
    flags: int = 0,
    frame: int = 2,
    frames: int = 1,
    channels: int = 1,
    bits: int = 16,
) -> bytes:
    return wide(b"desc", struct.pack(">d4s5I", rate_hz, kind, flags, frame, frames, channels, bits))


def a_caf(samples: bytes, form: bytes, *behind: bytes, length: int | None = None) -> bytes:
    data = wide(b"data", b"\0\0\0\1" + samples, length=length)
    return b"caff\0\1\0\0" + form + data + b"".join(behind)


@pytest.mark.parametrize(
    ("form", "seconds"),
    [
        (description(), (120 / RATE_HZ,)),
        (description(rate_hz=0.5), ()),
        (description(rate_hz=44_100.0), (120 / 44_100,)),
        (description(rate_hz=0.0), ()),
        (description(rate_hz=1e9), ()),
        (description(rate_hz=math.nan), ()),
        (description(flags=3, frame=4, bits=32), (60 / RATE_HZ,)),
        (description(flags=1, frame=2), ()),
        (description(frame=4, channels=2), (60 / RATE_HZ,)),
        (description(frame=4, channels=1), ()),
        (description(frame=0, channels=0), ()),
        (description(frame=3, bits=20), (80 / RATE_HZ,)),
        (description(b"ulaw", frame=1, bits=8), (240 / RATE_HZ,)),
        (description(b"alaw", frame=2, bits=8, channels=2), (120 / RATE_HZ,)),
        (description(b"alac", frame=2), ()),
        (wide(b"desc", description()[12:-1]), ()),
    ],
)
def test_the_description_of_a_caf_says_kind_size_channels_and_rate(form: bytes, seconds: tuple[float, ...]) -> None:
    assert examined(caf.examine, a_caf(bytes(range(240)), form)).track_seconds == seconds


def test_a_caf_has_a_size_for_its_samples_or_they_reach_to_the_end() -> None:
    samples = tone(4000)

    for data in (a_caf(samples, description()), a_caf(samples, description(), length=-1)):
        structure = examined(caf.examine, data)
        assert (structure.problem, structure.begin, structure.end) == (None, len(data) - 8000, len(data))
    tagged = a_caf(samples, description(), wide(b"info", b"name"), wide(b"free", b""))
    assert (examined(caf.examine, tagged).problem, examined(caf.examine, tagged).track_seconds) == (None, (0.5,))
    assert examined(caf.examine, a_caf(samples, description(), length=-2)).problem == CUT_OFF
    assert examined(caf.examine, a_caf(samples, description(), length=8004 + SLACK)).problem is None
    assert examined(caf.examine, a_caf(samples, description(), length=8005 + SLACK)).problem == CUT_OFF
    assert examined(caf.examine, b"caff\0\1\0\0" + description()).problem == CUT_OFF
    assert examined(caf.examine, a_caf(samples, description(flags=2), length=4004)).problem == MORE_SOUND
    assert examined(caf.examine, a_caf(samples, description(), wide(b"info", b"x", length=999))).problem == CUT_OFF


@pytest.mark.parametrize(("tag", "rest", "hidden"), [(0x31, 0, 0), (0x31, 1, 1), (0x31, 64, 64), (2, 1, 0)])
def test_a_decoder_of_gsm_sees_whole_blocks_alone(tag: int, rest: int, hidden: int) -> None:
    form = struct.pack("<HHIIHHHH", tag, 1, RATE_HZ, 1625, 65, 0, 2, 320)
    data = a_wav(chunk(b"fmt ", form), chunk(b"data", bytes(650 + rest), pads=False))

    assert examined(wav.examine, data).read_range == ((0, len(data) - hidden) if hidden else None)


@pytest.mark.parametrize(("rest", "problem"), [(400, None), (401, UNCLEAR_REST)])
def test_behind_compressed_samples_a_tenth_of_them_may_be_junk(rest: int, problem: str | None) -> None:
    compressed = struct.pack("<HHIIHH", 0x11, 1, RATE_HZ, 4000, 256, 4)
    junk = bytes(number * 7 % 31 for number in range(rest))
    data = a_wav(chunk(b"fmt ", compressed), chunk(b"data", b"s" * 4000)) + junk

    assert examined(wav.examine, data).problem == problem
