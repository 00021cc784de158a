"""Outputs that were encoded in pieces, as independent decoders read them, beside the same outputs as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.reference.decoders import decode
from tests.support.conversions import an_output, delivered
from tests.support.pcm import Pcm, read_wav
from tests.support.sounds import FFMPEG
from tests.support.splitting import MUSIC_SECONDS, a_pace, convert_one, make_music, splitting
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.encoding import Encoding, encoding_for
from worker.domain.splitting.pieces import pieces_of
from worker.ports import ConversionProgress

_WINDOW_SECONDS = 0.5
_LOSS_DB = 0.1

Case = tuple[AudioFormat, int, Sequence[str], dict[str, int]]

CASES: Sequence[Case] = [
    (AudioFormat.MP3, 44_100, ("mpg123", "lame", "ffmpeg"), {}),
    (AudioFormat.MP3, 44_100, ("mpg123", "lame", "ffmpeg"), {"bitrate_kbps": 320}),
    (AudioFormat.MP3, 44_100, ("mpg123", "lame", "ffmpeg"), {"bitrate_kbps": 64, "channels": 1}),
    (AudioFormat.MP3, 96_000, ("mpg123", "lame", "ffmpeg"), {}),
    (AudioFormat.MP3, 22_050, ("mpg123", "lame", "ffmpeg"), {"bitrate_kbps": 48}),
    (AudioFormat.OPUS, 44_100, ("opusdec", "libsndfile", "ffmpeg"), {}),
    (AudioFormat.OPUS, 48_000, ("opusdec", "libsndfile", "ffmpeg"), {"bitrate_kbps": 256}),
    (AudioFormat.OPUS, 48_000, ("opusdec", "libsndfile", "ffmpeg"), {"bitrate_kbps": 64, "channels": 1}),
    (AudioFormat.FLAC, 44_100, ("flac", "ffmpeg", "sox"), {}),
    (AudioFormat.ALAC, 44_100, ("ffmpeg",), {}),
]


def ids(case: Case) -> str:
    return f"{case[0]}-{case[1]}-{'-'.join(map(str, case[3].values()))}"


@pytest.mark.parametrize("case", CASES, ids=ids)
async def test_the_joints_are_as_good_as_the_whole_and_every_decoder_finds_the_same_length(
    case: Case, tmp_path: Path
) -> None:
    audio_format, rate_hz, decoders, options = case
    source, progress, pace = make_music(tmp_path / "music.wav", rate_hz=rate_hz), ConversionProgress(), a_pace(case[0])
    encoding = encoding_for(an_output(audio_format, **options), sample_rate_hz=rate_hz, channels=2, bits_per_sample=16)

    split = await convert_one(
        splitting(pace), source, tmp_path / f"split.{audio_format}", audio_format, progress=progress, options=options
    )
    whole = await convert_one(
        FfmpegConverter(FFMPEG), source, tmp_path / f"whole.{audio_format}", audio_format, options=options
    )

    assert progress.encoders > 1
    assert split.artifacts[0].duration_seconds == whole.artifacts[0].duration_seconds
    reference = await samples_of(source, tmp_path / "reference.wav", encoding)
    joints = [piece.begin / rate_hz for piece in pieces_of(reference_count(rate_hz), rate_hz, [encoding], 3, pace)[1:]]
    assert len(joints) >= 3
    for decoder in decoders:
        ours, complains = decode(decoder, delivered(split.artifacts[0]))
        others, complains_of_others = decode(decoder, delivered(whole.artifacts[0]))
        assert complains == complains_of_others, decoder  # opusdec always says something
        assert (ours.samples, ours.rate_hz) == (reference.samples, reference.rate_hz), decoder
        assert others.samples == pytest.approx(ours.samples, abs=1), decoder  # ffmpeg's Opus may end a sample early
        for joint in joints:
            loss_db = snr_db(reference, others, joint) - snr_db(reference, ours, joint)
            assert loss_db <= _LOSS_DB, (decoder, joint)


def reference_count(rate_hz: int) -> int:
    return round(MUSIC_SECONDS * rate_hz)


async def samples_of(source: Path, path: Path, encoding: Encoding) -> Pcm:
    """The source as the encoder was given it."""
    converted = await convert_one(
        FfmpegConverter(FFMPEG),
        source,
        path,
        AudioFormat.WAV,
        options={"sample_rate_hz": encoding.sample_rate_hz, "channels": encoding.channels},
    )
    return read_wav(delivered(converted.artifacts[0]).read_bytes())


def snr_db(reference: Pcm, heard: Pcm, at_seconds: float) -> float:
    """Of the first channel, around a moment; 1000 where the samples are the same."""
    begin, end = (round((at_seconds + side * _WINDOW_SECONDS / 2) * reference.rate_hz) for side in (-1, 1))
    one, other = (pcm.channel(0)[begin:end] for pcm in (reference, heard))
    noise = sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
    return 10 * math.log10(sum(a * a for a in one) / noise) if noise else 1000.0
