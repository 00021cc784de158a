"""What the format chunk of WAV and Wave64 says of their samples, field by field."""

from __future__ import annotations

import struct

import pytest

from worker.domain.containers.samples import SampleLayout
from worker.domain.containers.wave_format import block_bytes, misread_codec, sample_layout_of, unsupported_codec

REST_OF_GUID = bytes.fromhex("000000001000800000aa00389b71")


def wave_format(tag: int, channels: int, rate_hz: int, bits: int) -> bytes:
    frame = channels * ((bits + 7) // 8)
    return struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame, frame, bits)


@pytest.mark.parametrize(
    ("tag", "bits", "kind", "sample_bytes"),
    [
        (1, 8, "unsigned", 1),
        (1, 9, "int", 2),
        (1, 16, "int", 2),
        (1, 17, "int", 3),
        (1, 20, "int", 3),
        (1, 24, "int", 3),
        (1, 32, "int", 4),
        (3, 32, "float", 4),
        (3, 64, "float", 8),
        (6, 8, "alaw", 1),
        (7, 8, "mulaw", 1),
    ],
)
def test_the_format_of_wav_says_kind_size_channels_and_rate(tag: int, bits: int, kind: str, sample_bytes: int) -> None:
    expected = SampleLayout(kind, sample_bytes, 3, "little", 44_100)
    plain = wave_format(tag, 3, 44_100, bits)
    extensible = wave_format(0xFFFE, 3, 44_100, bits) + struct.pack("<HHIH", 22, bits, 7, tag) + REST_OF_GUID

    assert sample_layout_of(plain) == expected
    assert sample_layout_of(plain + b"\0\0") == expected
    assert sample_layout_of(extensible) == expected
    assert sample_layout_of(extensible[:26]) == expected


@pytest.mark.parametrize(
    "chunk",
    [
        wave_format(1, 2, 44_100, 16)[:15],
        wave_format(0xFFFE, 2, 44_100, 16),
        wave_format(0xFFFE, 2, 44_100, 16) + struct.pack("<HHIH", 22, 16, 3, 1)[:9],
        wave_format(2, 2, 44_100, 4),
        wave_format(0x55, 2, 44_100, 0),
        wave_format(1, 0, 44_100, 16),
        wave_format(1, 2, 44_100, 40),
        wave_format(3, 2, 44_100, 16),
    ],
    ids=[
        "too short",
        "no kind",
        "half a kind",
        "ADPCM",
        "MP3",
        "no channels",
        "40 bits",
        "floats of 16 bits",
    ],
)
def test_what_is_no_pcm_has_no_layout(chunk: bytes) -> None:
    assert sample_layout_of(chunk) is None


@pytest.mark.parametrize(
    ("bits", "valid", "frame", "codec"),
    [
        (16, 16, 4, None),
        (16, 9, 4, None),
        (16, 8, 4, "pcm_s16le"),
        (24, 24, 6, None),
        (24, 17, 6, None),
        (24, 16, 6, "pcm_s24le"),
        (32, 32, 8, None),
        (32, 25, 8, None),
        (32, 24, 8, "pcm_s32le"),
        (24, 24, 8, "pcm_s32le"),
        (32, 0, 8, None),
        (24, 0, 8, "pcm_s32le"),
        (8, 8, 2, None),
        (16, 16, 40, None),  # of no size that samples have
    ],
)
def test_samples_with_fewer_bits_than_they_have_room_for_are_misread(
    bits: int, valid: int, frame: int, codec: str | None
) -> None:
    chunk = struct.pack("<HHIIHHHHIH", 0xFFFE, 2, 8000, 8000 * frame, frame, bits, 22, valid, 3, 1) + REST_OF_GUID

    assert misread_codec(chunk, sample_layout_of(chunk)) == codec


@pytest.mark.parametrize(
    ("tag", "bits", "codec"),
    [
        *((1, 8, "pcm_u8"), (1, 16, "pcm_s16be"), (1, 24, "pcm_s24be"), (1, 32, "pcm_s32be")),
        *((3, 32, "pcm_f32be"), (3, 64, "pcm_f64be"), (6, 8, "pcm_alaw"), (7, 8, "pcm_mulaw"), (2, 4, None)),
    ],
)
def test_big_endian_samples_are_misread(tag: int, bits: int, codec: str | None) -> None:
    little = wave_format(tag, 2, 44_100, bits)
    big = struct.pack(">HHIIHH", *struct.unpack("<HHIIHH", little))

    assert misread_codec(big, sample_layout_of(big, "big")) == codec
    assert misread_codec(little, sample_layout_of(little)) is None


def test_the_kind_of_big_endian_samples_may_stand_in_the_extension() -> None:
    chunk = struct.pack(">HHIIHHHHIH", 0xFFFE, 2, 44_100, 176_400, 4, 16, 22, 16, 3, 1) + REST_OF_GUID

    assert sample_layout_of(chunk, "big") == SampleLayout("int", 2, 2, "big", 44_100)


@pytest.mark.parametrize(("tag", "bits", "valid_bits"), [(1, 24, 16), (3, 32, 24)])
def test_only_whole_numbers_with_an_extension_have_valid_bits(tag: int, bits: int, valid_bits: int) -> None:
    plain = wave_format(tag, 2, 44_100, bits) + struct.pack("<HH", 22, valid_bits)
    extensible = wave_format(0xFFFE, 2, 44_100, bits) + struct.pack("<HHIH", 22, valid_bits, 3, tag) + REST_OF_GUID

    assert misread_codec(plain, sample_layout_of(plain)) is None
    assert (misread_codec(extensible, sample_layout_of(extensible)) is None) is (tag == 3)


@pytest.mark.parametrize(("tag", "codec"), [(0x3F, None), (0x40, "g726le"), (0x45, None), (0x140, None)])
def test_g721_is_misread_and_g726_is_not(tag: int, codec: str | None) -> None:
    assert misread_codec(struct.pack("<HHIIHHHH", tag, 1, 8000, 4000, 64, 4, 2, 0), None) == codec


@pytest.mark.parametrize(
    ("tag", "unsupported"),
    [(0x11, []), (0x37, []), (0x38, [2, 3, 4]), (0x39, []), *((tag, [5]) for tag in (0x14, 0x40, 0x45, 0x64, 0x65))],
)
def test_some_codecs_are_unsupported_with_some_numbers_of_bits(tag: int, unsupported: list[int]) -> None:
    forms = {bits: struct.pack("<HHIIHHH", tag, 1, 8000, 4000, 64, bits, 9) for bits in range(17)}

    assert [bits for bits, form in forms.items() if unsupported_codec(form) is not None] == unsupported


@pytest.mark.parametrize(
    ("tag", "align", "length"), [(0x31, 65, 65), (0x31, 0x141, 0x141), (0x31, 1, 1), (0x31, 0, 1), (0x11, 256, 1)]
)
def test_gsm_is_decoded_in_whole_blocks(tag: int, align: int, length: int) -> None:
    assert block_bytes(struct.pack("<HHIIHH", tag, 1, 8000, 1625, align, 4)) == length
