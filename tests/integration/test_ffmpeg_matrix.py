"""Every source container to every output format, judged by decoding the output again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import CONTAINERS, SOUND_FORMATS, Heard, half_of, listen, sound
from worker.domain.audio import AudioFormat
from worker.domain.errors import UnsupportedAudioError
from worker.ports import Artifact

_CODECS = {
    AudioFormat.MP3: "mp3",
    AudioFormat.M4A: "aac",
    AudioFormat.AAC: "aac",
    AudioFormat.ALAC: "alac",
    AudioFormat.FLAC: "flac",
    AudioFormat.WAV: "pcm_s16le",
    AudioFormat.OGG: "vorbis",
    AudioFormat.OPUS: "opus",
    AudioFormat.WEBM: "opus",
    AudioFormat.AIFF: "pcm_s16be",
    AudioFormat.CAF: "pcm_s16be",
}
_TONE_SECONDS_LOST = 0.005  # FFmpeg's Vorbis ends up to 128 samples early


async def convert_to_all(source: Path, directory: Path) -> dict[AudioFormat, Artifact]:
    return dict(zip(SOUND_FORMATS, await converted(source, directory, *map(an_output, SOUND_FORMATS)), strict=True))


@pytest.mark.parametrize("name", CONTAINERS)
async def test_a_source_comes_out_whole_in_every_format(name: str, tmp_path: Path) -> None:
    source = listen(sound(name))

    artifacts = await convert_to_all(sound(name), tmp_path)

    for audio_format, artifact in artifacts.items():
        output = listen(delivered(artifact))
        assert output.codec == _CODECS[audio_format], audio_format
        assert output.level_db == pytest.approx(source.level_db, abs=0.5), audio_format
        assert artifact.duration_seconds == pytest.approx(source.seconds, abs=_decoder_slack(name)), audio_format
        assert_as_long_as(artifact.duration_seconds, audio_format, output)


def _decoder_slack(name: str) -> float:
    return 0.05 if name == "alac.caf" else 0.001  # a plain ffmpeg loses up to 2048 samples there, we do not


def assert_as_long_as(seconds: float, audio_format: AudioFormat, output: Heard) -> None:
    # ADTS cannot say that its first frame is the encoder's delay and its last one padded.
    extra = 3 * 1024 / output.rate_hz if audio_format is AudioFormat.AAC else 0.001
    assert seconds - _TONE_SECONDS_LOST <= output.seconds <= seconds + extra, audio_format


@pytest.mark.parametrize("name", CONTAINERS)
async def test_half_a_source_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedAudioError):
        await convert_to_all(half_of(name, tmp_path), tmp_path)
