"""What an output is encoded as: a variable bitrate, a depth, a codec, one channel of the source."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.pcm import read_wav
from tests.support.samples import a_wav, level_of, samples_of, tones
from tests.support.sounds import FFMPEG, SOUND_FORMATS, listen, run_ffmpeg, sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import FORMATS, AudioFormat, Codec
from worker.domain.errors import InvalidMessageError

_DEEP = tuple(name for name in SOUND_FORMATS if FORMATS[name].bits_per_sample is not None)
_FLOAT = (AudioFormat.WAV, AudioFormat.AIFF, AudioFormat.CAF)


def _exact(path: Path) -> str:
    """The digest of the samples, as floats that hold 24 bits exactly."""
    digest = path.with_suffix(".md5")
    run_ffmpeg("-i", str(path), "-map", "0:a:0", "-c:a", "pcm_f64le", "-f", "md5", str(digest))
    return digest.read_text()


@pytest.mark.parametrize(
    ("audio_format", "best_first"), [(AudioFormat.MP3, [0, 4, 9]), (AudioFormat.OGG, [10, 4, 0, -1])]
)
async def test_a_better_quality_takes_more_bytes_and_a_variable_bitrate(
    audio_format: AudioFormat, best_first: list[int], tmp_path: Path
) -> None:
    source = a_wav(tmp_path / "source.wav", tones([440, 1000], seconds=3), 2)

    artifacts = await converted(source, tmp_path, *(an_output(audio_format, vbr_quality=q) for q in best_first))

    sizes = [artifact.size_bytes for artifact in artifacts]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    for artifact in artifacts:
        assert artifact.duration_seconds == pytest.approx(3, abs=0.001)
        if audio_format is AudioFormat.MP3:
            assert b"Xing" in artifact.path.read_bytes()[:1000]  # of a constant bitrate it says Info


@pytest.mark.parametrize("audio_format", _DEEP)
@pytest.mark.parametrize(("name", "bits"), [("plain.wav", 24), ("deep.wav", 24), ("plain.flac", 16)])
async def test_a_depth_that_holds_the_source_keeps_its_samples(
    audio_format: AudioFormat, name: str, bits: int, tmp_path: Path
) -> None:
    (artifact,) = await converted(sound(name), tmp_path, an_output(audio_format, bits_per_sample=bits))

    assert _exact(delivered(artifact)) == _exact(sound(name))
    assert ("(24 bit)" in listen(delivered(artifact)).described) == (bits == 24)


@pytest.mark.parametrize("audio_format", _DEEP)
async def test_a_deep_source_becomes_16_bits_where_they_are_asked_for(
    audio_format: AudioFormat, tmp_path: Path
) -> None:
    (artifact,) = await converted(sound("deep.wav"), tmp_path, an_output(audio_format, bits_per_sample=16))

    output = listen(delivered(artifact))
    assert "(24 bit)" not in output.described
    assert output.level_db == pytest.approx(listen(sound("deep.wav")).level_db, abs=0.01)


@pytest.mark.parametrize("audio_format", _FLOAT)
async def test_floats_keep_what_is_above_full_scale(audio_format: AudioFormat, tmp_path: Path) -> None:
    loud = tmp_path / "loud.wav"
    run_ffmpeg("-i", str(sound("plain.wav")), "-af", "volume=20dB:precision=float", "-c:a", "pcm_f32le", str(loud))

    (artifact,) = await converted(loud, tmp_path, an_output(audio_format, bits_per_sample=32))

    assert _exact(delivered(artifact)) == _exact(loud)


@pytest.mark.parametrize(
    ("codec", "tag", "error"),
    [(Codec.PCM, 1, 0.0), (Codec.FLOAT, 3, 0.0), (Codec.ALAW, 6, 0.03), (Codec.MULAW, 7, 0.03)],
)
async def test_a_wav_has_the_codec_that_was_asked_for(codec: Codec, tag: int, error: float, tmp_path: Path) -> None:
    samples = tones([440], seconds=0.3)
    source = a_wav(tmp_path / "source.wav", samples, 1)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV, codec=codec))

    data = artifact.path.read_bytes()
    assert int.from_bytes(data[20:22], "little") == tag
    decoded = samples_of(artifact.path, 1)[0]
    assert len(decoded) == len(samples)
    loudest = max(samples)
    assert max(abs(a - b) for a, b in zip(decoded, samples, strict=True)) <= error * loudest


async def test_a_prompt_for_telephony_is_mulaw_at_8_khz_in_mono(tmp_path: Path) -> None:
    spec = an_output(AudioFormat.WAV, codec=Codec.MULAW, sample_rate_hz=8000, channels=1)

    (artifact,) = await converted(sound("plain.wav"), tmp_path, spec)

    header = artifact.path.read_bytes()[:40]
    assert (header[20], header[22], int.from_bytes(header[24:28], "little"), header[34]) == (7, 1, 8000, 8)
    assert artifact.size_bytes == pytest.approx(2.3 * 8000, abs=200)
    assert listen(artifact.path).level_db == pytest.approx(listen(sound("plain.wav")).level_db, abs=0.2)


@pytest.mark.parametrize("audio_format", SOUND_FORMATS)
async def test_the_two_sides_of_a_call_come_apart_in_every_format(audio_format: AudioFormat, tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([1000, 1300]), 2, mask=0x3)
    specs = [an_output(audio_format, pick_channel=number, sample_rate_hz=48_000) for number in (1, 2)]

    artifacts = await converted(source, tmp_path, *specs)

    for artifact, (own, other) in zip(artifacts, [(1000, 1300), (1300, 1000)], strict=True):
        (samples,) = samples_of(delivered(artifact), 1)
        assert level_of(samples, own) == pytest.approx(0.25, rel=0.07)
        assert level_of(samples, other) < 0.25 * 10 ** (-40 / 20)


@pytest.mark.parametrize(("mask", "channels"), [(None, 4), (0x3F, 6), (0x600, 2)])
async def test_any_channel_of_any_layout_is_picked_to_the_sample(
    mask: int | None, channels: int, tmp_path: Path
) -> None:
    samples = tones([1000 + 100 * number for number in range(channels)], seconds=0.1)
    source = a_wav(tmp_path / "source.wav", samples, channels, mask=mask)
    specs = [an_output(AudioFormat.WAV, pick_channel=number) for number in range(1, channels + 1)]

    artifacts = await converted(source, tmp_path, *specs)

    for number, artifact in enumerate(artifacts):
        assert array("h", read_wav(artifact.path.read_bytes()).frames) == samples[number::channels]


async def test_a_channel_that_the_source_lacks_is_refused_with_their_number(tmp_path: Path) -> None:
    spec = an_output(AudioFormat.WAV, pick_channel=3)

    with pytest.raises(InvalidMessageError, match=r"outputs\[1\]\.pick_channel: the source has 2 channels"):
        await converted(sound("plain.wav"), tmp_path, an_output(AudioFormat.MP3), spec)


@pytest.mark.parametrize("audio_format", [AudioFormat.AIFF, AudioFormat.CAF])
@pytest.mark.parametrize("mask", [0x3, 0x7, 0x33, 0x3F, 0x60F, 0x63F, 0x70F])
async def test_what_apples_containers_call_a_channel_is_what_it_is(
    audio_format: AudioFormat, mask: int, tmp_path: Path
) -> None:
    channels = mask.bit_count()
    samples = tones([1000 + 100 * number for number in range(channels)], seconds=0.1)
    source = a_wav(tmp_path / "source.wav", samples, channels, mask=mask)
    (first,) = await converted(source, tmp_path, an_output(audio_format))
    copy = tmp_path / "copy.file"
    copy.write_bytes(first.path.read_bytes())

    (back,) = await converted(copy, tmp_path, an_output(AudioFormat.OPUS, channels=2, sample_rate_hz=48_000))
    (direct,) = await converted(source, tmp_path, an_output(AudioFormat.OPUS, channels=2, sample_rate_hz=48_000))

    audio = await FfmpegConverter(FFMPEG).probe(copy)
    assert audio.channels == channels
    for mine, theirs in zip(samples_of(back.path, 2), samples_of(direct.path, 2), strict=True):
        assert _difference_db(mine, theirs) < -30


def _difference_db(one: array[int], other: array[int]) -> float:
    energy = sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
    return 10 * math.log10(energy / sum(b * b for b in other)) if energy else -math.inf
