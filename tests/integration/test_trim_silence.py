"""Silence at both ends is left out, to the sample, and none of the sound is."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.pcm import read_wav
from tests.support.samples import RATE_HZ, a_wav
from tests.support.sounds import listen, run_ffmpeg
from worker.domain.audio import AudioFormat
from worker.domain.loudness import LoudnessTarget
from worker.domain.trimming import TrimSilence

_BEFORE, _SOUND, _BEHIND = 20_011, 24_007, 30_013  # samples


def a_recording(*, hum: int = 20, channels: int = 1) -> array[int]:
    """Hum, then sound with a silence of its own, then hum; of several channels only the last one is heard."""
    sound = array("h", ((number * 7919) % 20_000 - 10_000 for number in range(_SOUND)))
    sound[0] = sound[-1] = 9_000
    sound[5000:15_000] = array("h", bytes(20_000))
    mono = array("h", [hum, -hum] * (_BEFORE // 2) + [hum]) + sound + array("h", [hum] * _BEHIND)
    samples = array("h", bytes(2 * channels * len(mono)))
    samples[channels - 1 :: channels] = mono
    return samples


def wav_samples(path: Path) -> array[int]:
    return array("h", read_wav(path.read_bytes()).frames)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("keep", "kept"), [(0.0, 0), (0.1, 4800), (0.45, None), (60.0, None)])
async def test_what_is_left_is_the_sound_and_the_silence_that_is_kept(
    keep: float, kept: int | None, channels: int, tmp_path: Path
) -> None:
    samples = a_recording(channels=channels)
    source = a_wav(tmp_path / "source.wav", samples, channels)
    spec = an_output(AudioFormat.WAV, trim_silence=TrimSilence(-50.0, keep))

    (artifact,) = await converted(source, tmp_path, spec)

    wanted = round(keep * RATE_HZ) if kept is None else kept
    begin, end = max(0, _BEFORE - wanted), _BEFORE + _SOUND + min(_BEHIND, wanted)
    assert wav_samples(artifact.path) == samples[begin * channels : end * channels]
    assert artifact.duration_seconds == pytest.approx((end - begin) / RATE_HZ, abs=1e-9)


@pytest.mark.parametrize("suffix", ["flac", "mka", "mp4", "caf"])
async def test_it_is_exact_in_every_container(suffix: str, tmp_path: Path) -> None:
    samples = a_recording()
    made, source = a_wav(tmp_path / "made.wav", samples, 1), tmp_path / f"source.{suffix}"
    codec = {"mka": "flac", "mp4": "alac", "caf": "copy"}.get(suffix, "flac")
    run_ffmpeg("-i", str(made), "-c:a", codec, str(source))

    (artifact,) = await converted(
        source, tmp_path, an_output(AudioFormat.WAV, trim_silence=TrimSilence(keep_seconds=0.0))
    )

    assert wav_samples(artifact.path) == samples[_BEFORE : _BEFORE + _SOUND]


@pytest.mark.parametrize(("threshold_db", "is_sound"), [(-50.0, False), (-75.0, True)])
async def test_the_threshold_says_what_is_sound(threshold_db: float, is_sound: bool, tmp_path: Path) -> None:
    samples = a_recording(hum=20)  # -64 dBFS
    source = a_wav(tmp_path / "source.wav", samples, 1)

    (artifact,) = await converted(
        source, tmp_path, an_output(AudioFormat.WAV, trim_silence=TrimSilence(threshold_db, 0.0))
    )

    assert (wav_samples(artifact.path) == samples) is is_sound


async def test_what_is_silent_as_a_whole_stays_as_it_is(tmp_path: Path) -> None:
    samples = array("h", bytes(2 * RATE_HZ))
    source = a_wav(tmp_path / "source.wav", samples, 1)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV, trim_silence=TrimSilence()))

    assert wav_samples(artifact.path) == samples


async def test_it_is_of_the_cut_and_of_the_channel_and_before_the_fades(tmp_path: Path) -> None:
    samples = a_recording(hum=0, channels=2)
    source = a_wav(tmp_path / "source.wav", samples, 2, mask=0x3)
    trim = TrimSilence(keep_seconds=0.0)
    cut: dict[str, Any] = {"start_seconds": 0.25, "end_seconds": 0.75}
    specs = [
        an_output(AudioFormat.WAV, trim_silence=trim, pick_channel=2, **cut),
        an_output(AudioFormat.WAV, trim_silence=trim, pick_channel=1),
        an_output(AudioFormat.WAV, trim_silence=trim, pick_channel=2, fade_in_seconds=0.1, fade_out_seconds=0.1),
        an_output(AudioFormat.WAV, pick_channel=2),
    ]

    part, silent, faded, whole = await converted(source, tmp_path, *specs)

    mono = samples[1::2]
    assert wav_samples(part.path) == mono[_BEFORE : round(0.75 * RATE_HZ)]
    assert wav_samples(silent.path) == samples[0::2]
    assert len(wav_samples(faded.path)) == _SOUND
    assert abs(wav_samples(faded.path)[0]) <= 1
    assert wav_samples(whole.path) == mono


@pytest.mark.parametrize("audio_format", [AudioFormat.MP3, AudioFormat.M4A, AudioFormat.OPUS])
async def test_lossy_formats_have_the_length_of_what_is_left(audio_format: AudioFormat, tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", a_recording(), 1)
    spec = an_output(audio_format, trim_silence=TrimSilence(), loudness=LoudnessTarget(-16.0))

    (artifact,) = await converted(source, tmp_path, spec)

    expected = 0.2 + _SOUND / RATE_HZ
    assert artifact.duration_seconds == pytest.approx(expected, abs=0.0001)
    assert listen(delivered(artifact)).seconds == pytest.approx(expected, abs=0.001)
    assert artifact.loudness is not None
    assert artifact.loudness.after_lufs == pytest.approx(-16.0, abs=0.5)
