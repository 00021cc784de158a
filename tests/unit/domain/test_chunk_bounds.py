"""The chunks of AIFF, CAF and Wave64 behind and before the samples, with values on both sides of each limit."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from tests.unit.domain.test_pcm_bounds import (
    FORMAT,
    RATE_HZ,
    SLACK,
    a_caf,
    a_wav,
    an_aiff,
    big,
    chunk,
    common,
    description,
    examined,
    tone,
    wide,
)
from tests.unit.domain.test_wave64 import a_wave64, in_wave64
from worker.domain.containers import aiff, caf, w64, wav
from worker.domain.containers.caf import _layout as layout_of_caf
from worker.domain.containers.chunks import is_name
from worker.domain.containers.data_end import MORE_SOUND
from worker.domain.containers.samples import SampleLayout
from worker.domain.containers.structure import CUT_OFF, JOINED, Patch


def swapped(samples: bytes) -> bytes:
    return struct.pack(f">{len(samples) // 2}h", *struct.unpack(f"<{len(samples) // 2}h", samples))


def test_the_name_of_a_chunk_is_four_characters_that_can_be_printed() -> None:
    names = (b"data", b"    ", b"~~~~", b"dat\x1f", b"dat\x7f", b"dat\xff", b"dat", b"datas")

    assert [name for name in names if is_name(name)] == [b"data", b"    ", b"~~~~"]


@pytest.mark.parametrize(("more", "is_chunk"), [(0, True), (SLACK, True), (SLACK + 2, False), (1 << 20, False)])
def test_a_chunk_behind_the_samples_ends_with_the_file(more: int, *, is_chunk: bool) -> None:
    samples = tone(400)
    note = big(b"note", b"x" * 200, length=200 + more)

    structure = examined(aiff.examine, an_aiff(swapped(samples), common(), note))

    assert (structure.problem is None and structure.repairs == ()) is is_chunk


@pytest.mark.parametrize("length", [0, 8])
def test_an_aiff_that_states_no_samples_has_those_that_follow(length: int) -> None:
    data = an_aiff(swapped(tone(400)), common(), more=length - 808)

    structure = examined(aiff.examine, data)

    assert (structure.problem, structure.track_seconds, structure.repairs) == (None, (400 / RATE_HZ,), ())


@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize(("more", "lacking", "is_mended"), [(0, 0, False), (0, 1, True), (-800, 0, True)])
def test_a_demuxer_gets_the_true_sizes_of_an_aiff_that_states_less(
    start: int, more: int, lacking: int, *, is_mended: bool
) -> None:
    data = an_aiff(swapped(tone(400)), common(), more=more)
    begin = data.index(b"SSND") + 8
    sized = data[:4] + (begin - 8 - lacking).to_bytes(4, "big") + data[8:]

    structure = aiff.examine(reader(b"j" * start + sized), start, start + len(sized))

    of_file = Patch(start + 4, 4, (begin + 800).to_bytes(4, "big"))
    of_chunk = Patch(start + begin - 4, 4, (808).to_bytes(4, "big"))
    assert (structure.problem, structure.end) == (None, start + begin + 808)
    assert structure.patches == ((of_file, of_chunk) if is_mended else ())
    assert (structure.mends_header, structure.ignores_stated_size) == (is_mended, False)


def test_one_byte_of_samples_is_a_size() -> None:
    data = an_aiff(b"x", common(8))

    assert examined(aiff.examine, data).patches == ()


@pytest.mark.parametrize("more", [0, 4, 34])
def test_a_decoder_does_not_see_a_last_block_of_gsm_that_is_not_whole(more: int) -> None:
    form = struct.pack("<HHIIHH", 0x31, 1, RATE_HZ, 1625, 65, 0) + bytes(more)
    data = a_wav(chunk(b"fmt ", form), chunk(b"data", b"\xd5" * 205, pads=False))

    assert examined(wav.examine, data).read_range == (0, len(data) - 10)


def test_a_wav_without_a_format_is_seen_to_its_last_byte() -> None:
    assert examined(wav.examine, a_wav(chunk(b"data", tone(400) + b"x", pads=False))).read_range is None


def test_samples_of_fewer_bits_than_they_have_room_for_have_their_codec_told() -> None:
    guid = bytes.fromhex("000000001000800000aa00389b71")
    extensible = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, RATE_HZ, 3 * RATE_HZ, 3, 24, 22, 16, 4, 1) + guid
    wave64 = a_wave64(tone(300))
    at = wave64.index(b"fmt ")

    for form, codec in ((FORMAT, None), (extensible, "pcm_s24le")):
        data = a_wav(chunk(b"fmt ", form), chunk(b"data", tone(300)))
        assert examined(wav.examine, data).codec == codec
        data = wave64[:at] + in_wave64(b"fmt ", form) + wave64[at + 40 :]
        assert examined(w64.examine, data).codec == codec


@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize(
    ("length", "of_file", "is_mended"),
    [
        (800, 88, False),
        (800, 87, True),
        (800, (1 << 48) - 1, False),
        (800, 1 << 48, True),
        (0, 88, True),
    ],
)
def test_a_demuxer_gets_the_true_sizes_of_a_wave64_that_states_less(
    start: int, length: int, of_file: int, *, is_mended: bool
) -> None:
    data = a_wave64(tone(400), length=length)
    sized = data[:16] + of_file.to_bytes(8, "little") + data[24:]

    structure = w64.examine(reader(b"j" * start + sized), start, start + len(sized))

    patches = (
        Patch(start + 16, 8, (904).to_bytes(8, "little")),
        Patch(start + 96, 8, (824).to_bytes(8, "little")),
    )
    assert (structure.problem, structure.end) == (None, start + 904)
    assert structure.patches == (patches if is_mended else ())
    assert (structure.mends_header, structure.ignores_stated_size) == (is_mended, False)


def test_one_byte_is_a_stated_size_of_a_wave64() -> None:
    assert examined(w64.examine, a_wave64(tone(400), length=1)).problem == MORE_SOUND
    assert examined(w64.examine, a_wave64(tone(400), length=0)).problem is None


def test_an_aiff_without_samples_needs_no_sizes() -> None:
    data = an_aiff(b"", common())

    assert examined(aiff.examine, data[:4] + bytes(4) + data[8:]).patches == ()


def test_an_aiff_may_state_a_size_from_before_its_length_was_known() -> None:
    structure = examined(aiff.examine, an_aiff(swapped(tone(400)), common(), more=(1 << 31) - 808))

    assert (structure.problem, structure.track_seconds) == (None, (400 / RATE_HZ,))


def test_a_chunk_of_16_mib_and_more_is_cut_off_in_a_small_aiff() -> None:
    assert examined(aiff.examine, an_aiff(tone(400), common(), more=1 << 24)).problem == CUT_OFF


def test_files_of_one_kind_in_a_row_are_joined() -> None:
    plain = an_aiff(swapped(tone(400)), common())
    sized = plain[:4] + (len(plain) - 8).to_bytes(4, "big") + plain[8:]
    wave64 = a_wave64(tone(400))
    for examine, data in (
        (aiff.examine, sized),
        (caf.examine, a_caf(swapped(tone(400)), description())),
        (w64.examine, wave64[:16] + len(wave64).to_bytes(8, "little") + wave64[24:]),
    ):
        assert examined(examine, data + data).problem == JOINED


def test_a_depth_of_more_than_32_bits_is_none() -> None:
    assert examined(aiff.examine, an_aiff(bytes(range(200)), common(256 + 16))).track_seconds == ()


@pytest.mark.parametrize("kind", [b"NONE", b"twos", b"sowt"])
@pytest.mark.parametrize("stated", [400, 401])
def test_the_samples_of_an_aiff_are_known_for_sound_in_their_byte_order(kind: bytes, stated: int) -> None:
    samples = tone(4000) if kind == b"sowt" else swapped(tone(4000))

    structure = examined(aiff.examine, an_aiff(samples, common(kind=kind + b"\0\0"), more=stated - 8000))

    assert (structure.problem, structure.track_seconds) == (MORE_SOUND, (0.5,))
    assert structure.repairs == (f"The header states {stated} bytes of sound, and all 8000 were taken.",)


@pytest.mark.parametrize(
    ("form", "layout"),
    [
        (description(), SampleLayout("int", 2, 1, "big", RATE_HZ)),
        (description(flags=2), SampleLayout("int", 2, 1, "little", RATE_HZ)),
        (description(flags=1, frame=4, bits=32), SampleLayout("float", 4, 1, "big", RATE_HZ)),
        (description(flags=3, frame=8, bits=64), SampleLayout("float", 8, 1, "little", RATE_HZ)),
        (description(frame=6, bits=17, channels=2), SampleLayout("int", 3, 2, "big", RATE_HZ)),
        (description(b"ulaw", frame=1, bits=8), SampleLayout("mulaw", 1, 1, "big", RATE_HZ)),
        (description(b"alaw", frame=1, bits=8), SampleLayout("alaw", 1, 1, "big", RATE_HZ)),
        (description(rate_hz=1.0), SampleLayout("int", 2, 1, "big", 1)),
        (description(rate_hz=0.5), SampleLayout("int", 2, 1, "big", 0)),
        (description(rate_hz=0.0), None),
        (description(rate_hz=-1.0), None),
    ],
)
def test_the_description_of_a_caf_says_what_its_samples_are(form: bytes, layout: SampleLayout | None) -> None:
    assert layout_of_caf(form[12:]) == layout


def test_a_chunk_of_a_caf_may_be_empty_or_too_long_for_any_file() -> None:
    samples = swapped(tone(400))
    empty = wide(b"free", b"")

    assert examined(caf.examine, a_caf(samples, description() + empty)).track_seconds == (400 / RATE_HZ,)
    assert examined(caf.examine, a_caf(samples, description(), wide(b"info", b"", length=1 << 56))).problem == CUT_OFF


def test_the_chunks_behind_the_samples_of_a_wave64_are_all_in_sight() -> None:
    data = a_wave64(tone(400), in_wave64(b"fact", b"x" * 9), in_wave64(b"levl", b"x" * 90))

    assert (examined(w64.examine, data).repairs, examined(w64.examine, data).read_range) == ((), None)
    junk = examined(w64.examine, data + b"\xff" * 99)
    assert junk.read_range == (0, len(data))


@pytest.mark.parametrize("stated", [400, 402, 406])
def test_sound_that_goes_on_in_a_wave64_is_seen_to_its_end(stated: int) -> None:
    structure = examined(w64.examine, a_wave64(tone(4000), length=stated))

    assert (structure.problem, structure.track_seconds) == (MORE_SOUND, (0.5,))


def test_a_file_may_begin_at_an_odd_offset() -> None:
    data = an_aiff(swapped(tone(400)), common(), big(b"NAME", b"odd"))

    assert aiff.examine(reader(b"j" + data), 1, 1 + len(data)).repairs == ()
