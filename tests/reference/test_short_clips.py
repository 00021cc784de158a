"""Short clips, as sources and as outputs, by decoders that keep to what the file says of its length.

ffmpeg's own decoder of Vorbis plays all of a last block, and so more than such a clip has.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.decoders import decode
from tests.support.conversions import an_output, converted, delivered
from tests.support.pcm import read_wav
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.sounds import run_ffmpeg
from worker.domain.audio import AudioFormat

_LENGTHS = (1, 44, 127, 200, 576, 1000, 1500)


@pytest.mark.parametrize(
    ("audio_format", "decoder"),
    [(AudioFormat.OGG, "oggdec"), (AudioFormat.FLAC, "flac"), (AudioFormat.WAV, "sox"), (AudioFormat.AIFF, "sox")],
)
async def test_a_clip_of_any_length_has_its_samples_and_no_more(
    audio_format: AudioFormat, decoder: str, tmp_path: Path
) -> None:
    source = a_wav(tmp_path / "source.wav", tones([440, 660]), 2)

    outputs = [an_output(audio_format, start_seconds=0.25, end_seconds=0.25 + n / RATE_HZ) for n in _LENGTHS]
    artifacts = await converted(source, tmp_path, *outputs)

    heard = [decode(decoder, delivered(artifact))[0] for artifact in artifacts]
    assert [round(pcm.seconds * pcm.rate_hz) for pcm in heard] == list(_LENGTHS)
    assert [round(artifact.duration_seconds * RATE_HZ) for artifact in artifacts] == list(_LENGTHS)


@pytest.mark.parametrize("samples", [*_LENGTHS, 13_230, 48_000, 110_250])
async def test_vorbis_on_one_page_is_read_as_its_own_decoder_reads_it(samples: int, tmp_path: Path) -> None:
    wav, source = a_wav(tmp_path / "tone.wav", tones([440], seconds=samples / RATE_HZ), 1), tmp_path / "tone.ogg"
    run_ffmpeg("-i", str(wav), "-c:a", "libvorbis", "-page_duration", "9000000", str(source))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    ours, theirs = read_wav(artifact.path.read_bytes()).channel(0), decode("oggdec", source)[0].channel(0)
    assert len(ours) == len(theirs) == samples
    assert max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) <= 1
