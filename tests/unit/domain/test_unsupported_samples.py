"""Samples that FFmpeg takes for others or plays wrongly: the headers of WAV, Wave64, AU and AIFF-C that name them."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tests.support.frames import reader
from worker.domain.containers.sniffing import examine, sniff

SAMPLES = bytes(range(240)) * 4
_G726_40 = "G.726 and G.723 at 40 kbit/s (5 bits a sample) are not supported: FFmpeg does not decode them right"


def problem_of(data: bytes) -> str | None:
    return examine(sniff(reader(data), len(data)), reader(data), len(data)).problem


def a_wav(tag: int, bits: int) -> bytes:
    form = struct.pack("<HHIIHH", tag, 1, 8000, 1000 * bits, 42, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(SAMPLES)) + SAMPLES
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def a_wave64(tag: int, bits: int) -> bytes:
    form = struct.pack("<HHIIHH", tag, 1, 8000, 1000 * bits, 42, bits)
    guid, size = bytes.fromhex("f3acd3118cd100c04f8edb8a"), 24 + len(SAMPLES)
    chunks = b"fmt " + guid + struct.pack("<Q", 40) + form + b"data" + guid + struct.pack("<Q", size) + SAMPLES
    head = bytes.fromhex("726966662e91cf11a5d628db04c10000") + struct.pack("<Q", 40 + len(chunks))
    return head + b"wave" + guid + chunks


def an_au(encoding: int) -> bytes:
    return b".snd" + struct.pack(">IIIII", 24, len(SAMPLES), encoding, 8000, 1) + SAMPLES


@pytest.mark.parametrize("make", [a_wav, a_wave64])
@pytest.mark.parametrize("tag", [0x14, 0x40, 0x45, 0x64, 0x65])
def test_g726_with_five_bits_a_sample_is_not_supported(make: Callable[[int, int], bytes], tag: int) -> None:
    assert [problem_of(make(tag, bits)) for bits in (2, 3, 4, 5)] == [None, None, None, _G726_40]
    assert problem_of(make(0x11, 5)) is None


def test_g723_with_five_bits_a_sample_in_an_au_is_not_supported() -> None:
    assert [problem_of(an_au(encoding)) for encoding in (23, 25, 26, 27)] == [None, None, _G726_40, None]


@pytest.mark.parametrize("make", [a_wav, a_wave64])
@pytest.mark.parametrize(
    ("bits", "is_supported"), [(0, True), (1, True), *((n, False) for n in (2, 3, 4)), (16, True)]
)
def test_nms_adpcm_is_no_amr(make: Callable[[int, int], bytes], bits: int, *, is_supported: bool) -> None:
    """FFmpeg, which writes AMR under the same number, states 16 bits."""
    assert problem_of(make(0x38, bits)) == (None if is_supported else "ADPCM of NMS (VBX) is not supported")


def an_aiff(compression: bytes, *, form: bytes = b"AIFC", packets: int = 7) -> bytes:
    rate = b"\x40\x0b\xfa" + bytes(7)  # 8000 as a number of 80 bits
    common = struct.pack(">HIH", 1, packets, 16) + rate + compression + bytes(2)
    chunks = form + b"COMM" + struct.pack(">I", len(common)) + common
    chunks += b"SSND" + struct.pack(">III", 8 + len(SAMPLES), 0, 0) + SAMPLES
    return b"FORM" + struct.pack(">I", len(chunks)) + chunks


@pytest.mark.parametrize("compression", [b"NONE", b"twos", b"FL32", b"ulaw", b"ima4", b"GSM ", b"raw ", b"G722"])
def test_these_compressions_of_aiff_are_supported(compression: bytes) -> None:
    assert problem_of(an_aiff(compression)) is None


@pytest.mark.parametrize("compression", ["42n1", "23ni", "DWVW", "MAC3", "ADP4"])
def test_others_are_named(compression: str) -> None:
    sentence = f"AIFF-C with the compression {compression} is not supported"

    assert problem_of(an_aiff(compression.encode())) == sentence
    assert problem_of(an_aiff(compression.encode(), form=b"AIFF")) is None  # these bytes are none of its fields


def test_a_compression_whose_name_is_damaged_is_not_repeated() -> None:
    assert problem_of(an_aiff(b"\0\x1b[\xff")) is None


@pytest.mark.parametrize(("stated", "patched"), [(28, []), (29, []), (30, [29]), (29 * 160, [29])])
def test_gsm_in_an_aiff_has_no_more_packets_than_there_are(stated: int, patched: list[int]) -> None:
    data = an_aiff(b"GSM ", packets=stated)
    structure = examine(sniff(reader(data), len(data)), reader(data), len(data))

    assert [int.from_bytes(patch.content, "big") for patch in structure.patches] == patched
    assert [patch.offset for patch in structure.patches] == [data.index(b"COMM") + 10 for _ in patched]
    assert structure.mends_header is bool(patched)
