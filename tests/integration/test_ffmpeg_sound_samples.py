"""Outputs have the samples that were encoded, where the demuxer does not leave out what a decoder makes besides."""

from __future__ import annotations

import struct
from array import array
from pathlib import Path

import pytest

from tests.mutation.trial import convert
from tests.support import rare_sounds
from tests.support.conversions import an_output, converted
from tests.support.ogg import LAST, page_of, split
from tests.support.pcm import read_wav
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.sounds import run_ffmpeg
from worker.domain.audio import AudioFormat

_ON_ONE_PAGE = ("-page_duration", "9000000", "-fflags", "+bitexact")


def a_click_in_vorbis(directory: Path, samples: int) -> Path:
    """In the middle of silence, on one page."""
    sound = tones([0.0], seconds=samples / RATE_HZ)
    sound[samples // 2] = 30_000
    wav, path = a_wav(directory / "click.wav", sound, 1), directory / "click.ogg"
    run_ffmpeg("-i", str(wav), "-c:a", "libvorbis", "-q:a", "9", *_ON_ONE_PAGE, str(path))
    return path


@pytest.mark.parametrize("samples", [1, 88, 600, 13_230, 48_000, 110_250])
async def test_vorbis_on_one_page_has_its_samples_at_their_time(samples: int, tmp_path: Path) -> None:
    source = a_click_in_vorbis(tmp_path, samples)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    heard = read_wav(artifact.path.read_bytes()).channel(0)
    assert len(heard) == samples
    assert samples < 9000 or abs(heard.index(max(heard)) - samples // 2) <= 1
    assert (await convert(source)).repaired == ()


def on_two_pages(speex: bytes, samples_of_packet: int, delay: int) -> bytes:
    """The same packets, the last on a page of its own. Granules count without the delay of the encoder."""
    *headers, raw = split(speex)
    packets, at = [list[int]()], 27 + raw[26]
    for length in raw[27:at]:
        packets[-1].append(length)
        packets += [list[int]() for _ in range(length < 255)]
    contents = []
    for lengths in packets[:-1]:
        contents.append(raw[at : at + sum(lengths)])
        at += sum(lengths)
    (serial,), (granule,) = struct.unpack_from("<I", raw, 14), struct.unpack_from("<q", raw, 6)
    first = (len(contents) - 1) * samples_of_packet - delay
    pages = [page_of(contents[:-1], number=2, serial=serial, granule=first)]
    pages.append(page_of(contents[-1:], number=3, serial=serial, granule=granule, flags=LAST))
    return b"".join([*headers, *pages])


def begin_of(samples: array[int]) -> int:
    loudest = max(map(abs, samples))
    return next(number for number, sample in enumerate(samples) if abs(sample) > 0.3 * loudest)


_NARROW, _WIDE = rare_sounds.SPEEX_NARROW, rare_sounds.SPEEX_WIDE


@pytest.mark.parametrize(
    ("data", "samples"),
    [(_NARROW, 1100), (on_two_pages(_NARROW, 800, 40), 1100), (_WIDE, 2200), (on_two_pages(_WIDE, 320, 143), 2200)],
    ids=["five frames a packet", "the same on two pages", "wide", "wide on two pages"],
)
async def test_speex_has_its_samples_at_their_time(data: bytes, samples: int, tmp_path: Path) -> None:
    source = tmp_path / "tone.spx"
    source.write_bytes(data)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    heard = read_wav(artifact.path.read_bytes()).channel(0)
    assert len(heard) == samples
    assert begin_of(heard) == pytest.approx(samples // 2, abs=12)
    assert (await convert(source)).repaired == ()


async def test_musepack_has_its_samples_at_their_time(tmp_path: Path) -> None:
    source = tmp_path / "step.mpc"
    source.write_bytes(rare_sounds.MUSEPACK_STEP)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    heard = read_wav(artifact.path.read_bytes()).channel(0)
    assert (len(heard), begin_of(heard)) == (2000, 999)
    assert (await convert(source)).repaired == ()
