"""Frames at the ends of a raw stream whose header is damaged, and headers that are put right."""

from __future__ import annotations

import re

import pytest

from tests.support.frames import ID3_TAG
from tests.unit.domain.readings.reading import FILES
from tests.unit.domain.test_streams import NOISE, a_stream, examined, with_xing


@pytest.mark.parametrize("bit", range(21, 32))
@pytest.mark.parametrize("kbps_bits", [0x10, 0x90, 0xA0], ids=["shorter", "as the others", "longer"])
def test_a_first_frame_of_which_the_header_is_damaged_is_lost_sound_and_no_junk(bit: int, kbps_bits: int) -> None:
    length = {0x10: 104, 0x90: 417, 0xA0: 522}[kbps_bits]
    header = (int.from_bytes(bytes((0xFF, 0xFB, kbps_bits, 0x64)), "big") ^ 1 << bit).to_bytes(4, "big")
    stream = header + b"\x55" * (length - 4) + a_stream(50)

    for tag in (b"", ID3_TAG):
        structure = examined(tag + stream)
        assert (structure.problem, structure.begin, structure.end) == (None, len(tag), len(tag + stream))
        assert structure.repairs == ("0.03 s of sound were damaged; silence took its place",)
        assert sum(seconds or 0 for seconds in structure.track_seconds) == pytest.approx(51 * 1152 / 44100)
        assert (structure.patches[0].offset, structure.patches[0].length) == (len(tag), length)


@pytest.mark.parametrize("first", [b"", with_xing(51)], ids=["sound", "the encoder's tag"])
def test_a_second_frame_of_which_the_header_is_damaged_is_lost_sound_and_no_junk(first: bytes) -> None:
    stream = (first or a_stream(1)) + b"\xfe" + a_stream(1)[1:] + a_stream(50)

    structure = examined(stream)

    assert (structure.problem, structure.begin) == (None, 0)
    assert structure.repairs == ("0.03 s of sound were damaged; silence took its place",)
    assert structure.track_seconds == pytest.approx(((51 if first else 52) * 1152 / 44100,))
    (patch,) = structure.patches
    assert (patch.offset, patch.length, patch.content[3] & 0xC0) == (417, 417, a_stream(1)[3] & 0xC0)


def test_the_tag_of_the_encoder_is_no_sound_where_its_header_is_damaged() -> None:
    tag = bytearray(with_xing(50))
    tag[0] ^= 1

    assert examined(bytes(tag) + a_stream(50)).repairs == ("417 bytes of junk before the sound were skipped",)


def test_junk_with_a_tag_in_it_is_no_frame() -> None:
    structure = examined(NOISE[: 417 - len(ID3_TAG)] + ID3_TAG + a_stream(50))

    assert structure.repairs == (f"{417 - len(ID3_TAG)} bytes of junk before the sound were skipped",)


@pytest.mark.parametrize("name", ["plain.ac3", "plain.eac3", "plain.dts"])
@pytest.mark.parametrize("frame", [0, 1, 4, -1])
def test_a_header_is_put_right_where_its_codec_has_no_frame_of_silence(name: str, frame: int) -> None:
    whole = (FILES / name).read_bytes()
    sync = {"plain.dts": b"\x7f\xfe\x80\x01"}.get(name, b"\x0b\x77")
    at = [match.start() for match in re.finditer(re.escape(sync), whole)][frame]
    damaged = bytearray(whole)
    damaged[at + 1] ^= 4

    structure = examined(bytes(damaged))

    assert structure.problem is None
    assert structure.track_seconds == pytest.approx(examined(whole).track_seconds)
    (patch,) = structure.patches
    damaged[patch.offset : patch.offset + patch.length] = patch.content
    assert bytes(damaged) == whole
    assert structure.repairs == (
        f"{0.06 if name.endswith('dts') else 0.05} s of sound had damaged headers, which were put right",
    )


@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)])
def test_a_damaged_frame_in_front_of_the_last_one_is_lost_sound_and_no_junk(tag: bytes) -> None:
    stream = a_stream(50) + b"\xfe" + a_stream(1)[1:] + a_stream(1)

    structure = examined(stream + tag)

    assert (structure.problem, structure.end) == (None, len(stream))
    assert structure.repairs == ("0.03 s of sound were damaged; silence took its place",)
    assert structure.track_seconds == pytest.approx((52 * 1152 / 44100,))
    assert [(patch.offset, patch.length) for patch in structure.patches] == [(50 * 417, 417)]
