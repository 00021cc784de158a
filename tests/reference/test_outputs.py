"""Every source container to every format: length, level of each channel and, where nothing is lossy, the samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.mutation.sources import SOURCES, whole
from tests.reference.decoders import decode
from tests.support.conversions import an_output, converted, delivered
from tests.support.pcm import level_db
from tests.support.sounds import SOUND_FORMATS
from tests.support.sweep import hear_sweep
from worker.domain.audio import FORMATS, AudioFormat

DECODERS: Mapping[AudioFormat, str] = {
    AudioFormat.MP3: "mpg123",
    AudioFormat.M4A: "faad",
    AudioFormat.AAC: "faad",
    AudioFormat.ALAC: "ffmpeg",
    AudioFormat.FLAC: "flac",
    AudioFormat.WAV: "sox",
    AudioFormat.OGG: "oggdec",
    AudioFormat.OPUS: "opusdec",
    AudioFormat.WEBM: "ffmpeg",
    AudioFormat.AIFF: "sox",
    AudioFormat.CAF: "ffmpeg",
}
_LOSSLESS = tuple(name for name, rules in FORMATS.items() if rules.is_lossless)
_LOSSLESS_SOURCES = frozenset({".wav", ".w64", ".aiff", ".au", ".caf", ".flac", ".wv", ".tta"})
_LEVEL_DB = 0.8  # LAME takes all sound down by 5 %
_AMR_LEVEL_DB = 1.5  # the old ffmpeg's decoder is quieter by 0.8 dB than the standard's, which the worker uses
# A decoder that knows no edit list plays what the encoder put before and behind the sound.
_AAC = frozenset({AudioFormat.M4A, AudioFormat.AAC})
_AAC_SLACK_SAMPLES = 3 * 1024
_SOURCE_SLACK_SECONDS = 0.06  # by as much do decoders of lossy sources differ in what they play of a first frame


@pytest.mark.parametrize("name", SOURCES)
async def test_every_output_has_what_others_hear_in_the_source(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(whole(name))
    expected, _ = decode("ffmpeg", source)
    heard_in_source = hear_sweep(expected.channel(0), expected.rate_hz)

    artifacts = await converted(source, tmp_path, *map(an_output, SOUND_FORMATS))

    for audio_format, artifact in zip(SOUND_FORMATS, artifacts, strict=True):
        decoder = DECODERS[audio_format]
        if decoder == "faad" and expected.channels == 1:
            decoder = "ffmpeg"  # faad plays mono as stereo, because parametric stereo might follow
        pcm, _ = decode(decoder, delivered(artifact))
        slack = _AAC_SLACK_SAMPLES / pcm.rate_hz if audio_format in _AAC else 0.002
        assert pcm.channels == expected.channels, audio_format
        assert pcm.seconds == pytest.approx(artifact.duration_seconds, abs=slack), audio_format
        assert artifact.duration_seconds == pytest.approx(expected.seconds, abs=_SOURCE_SLACK_SECONDS), audio_format
        for number in range(pcm.channels):
            level = level_db(pcm.channel(number)) - level_db(expected.channel(number))
            assert abs(level) <= (_AMR_LEVEL_DB if name.endswith(".amr") else _LEVEL_DB), (audio_format, number)
        heard = hear_sweep(pcm.channel(0), pcm.rate_hz)
        assert heard.missing_from(heard_in_source, at_least=0.05) == [], audio_format


@pytest.mark.parametrize("name", [name for name in SOURCES if Path(name).suffix in _LOSSLESS_SOURCES])
async def test_lossless_outputs_of_lossless_sources_have_its_samples(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(whole(name))
    expected, _ = decode("ffmpeg", source)

    artifacts = await converted(source, tmp_path, *map(an_output, _LOSSLESS))

    for audio_format, artifact in zip(_LOSSLESS, artifacts, strict=True):
        pcm, _ = decode(DECODERS[audio_format], delivered(artifact))
        for number in range(2):
            assert pcm.channel(number) == expected.channel(number), (audio_format, number)
