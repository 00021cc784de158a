"""Outputs have the samples that were encoded, where the demuxer does not leave out what a decoder makes besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.trial import convert
from tests.support.conversions import an_output, converted
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
