"""Samples in WAV that are stored otherwise than most: in wider containers, and in big-endian order (RIFX)."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted
from tests.support.pcm import read_wav
from worker.domain.audio import AudioFormat

RATE_HZ = 24_000
_PCM = bytes.fromhex("0100000000001000800000aa00389b71")
_FLOAT = bytes.fromhex("0300000000001000800000aa00389b71")
TONE = [(int(20_000 * math.sin(n / 9)), int(9_000 * math.sin(n / 5))) for n in range(RATE_HZ)]
EXPECTED = b"".join(struct.pack("<hh", *frame) for frame in TONE)


def a_wav(samples: list[bytes], layout: bytes, *, order: str = "<") -> bytes:
    data = b"".join(samples)
    head = b"WAVEfmt " + struct.pack(f"{order}I", len(layout)) + layout + b"data" + struct.pack(f"{order}I", len(data))
    return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", len(head) + len(data)) + head + data


def a_layout(bits: int, width: int, *, tag: int = 1, order: str = "<", valid: int | None = None) -> bytes:
    """For stereo. With `valid` bits it is extensible."""
    plain = (2, RATE_HZ, 2 * RATE_HZ * width, 2 * width, bits)
    if valid is None:
        return struct.pack(f"{order}HHIIHH", tag, *plain)
    return struct.pack(f"{order}HHIIHHHHI", 0xFFFE, *plain, 22, valid, 3) + (_PCM if tag == 1 else _FLOAT)


def as_integers(width: int, order: str = "<") -> list[bytes]:
    """Each sample's 16 bits are the highest of its bytes (Multiple Channel Audio Data and WAVE Files, Microsoft)."""
    little = [(sample << 8 * (width - 2)).to_bytes(width, "little", signed=True) for frame in TONE for sample in frame]
    return little if order == "<" else [sample[::-1] for sample in little]


async def sixteen_bits_of(source: bytes, directory: Path) -> bytes:
    path = directory / "source.wav"
    path.write_bytes(source)
    (artifact,) = await converted(path, directory, an_output(AudioFormat.WAV, bits_per_sample=16))
    return read_wav(artifact.path.read_bytes()).frames


@pytest.mark.parametrize(
    ("bits", "width", "valid"),
    [
        (32, 4, 24),
        (24, 4, 24),
        (32, 4, 20),
        (32, 4, 16),
        (24, 3, 16),
        (24, 3, 20),
        (16, 2, 16),
        (32, 4, 0),
        (32, 4, 32),
    ],
)
async def test_samples_in_wider_containers_are_read_as_the_standard_says(
    bits: int, width: int, valid: int, tmp_path: Path
) -> None:
    source = a_wav(as_integers(width), a_layout(bits, width, valid=valid))

    assert await sixteen_bits_of(source, tmp_path) == EXPECTED


@pytest.mark.parametrize("width", [2, 3, 4])
async def test_big_endian_samples_are_read_in_their_order(width: int, tmp_path: Path) -> None:
    source = a_wav(as_integers(width, ">"), a_layout(8 * width, width, order=">"), order=">")

    assert await sixteen_bits_of(source, tmp_path) == EXPECTED


@pytest.mark.parametrize("code", ["f", "d"])
async def test_big_endian_floats_are_read_in_their_order(code: str, tmp_path: Path) -> None:
    samples = [struct.pack(f">{code}", sample / 32768) for frame in TONE for sample in frame]
    width = len(samples[0])

    source = a_wav(samples, a_layout(8 * width, width, tag=3, order=">"), order=">")

    assert await sixteen_bits_of(source, tmp_path) == EXPECTED


async def test_bytes_of_a_big_endian_wav_have_no_order(tmp_path: Path) -> None:
    samples = [bytes([128 + (sample >> 8)]) for frame in TONE for sample in frame]

    heard = await sixteen_bits_of(a_wav(samples, a_layout(8, 1, order=">"), order=">"), tmp_path)

    assert heard == b"".join(struct.pack("<h", sample >> 8 << 8) for frame in TONE for sample in frame)
