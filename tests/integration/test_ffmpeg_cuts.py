"""Cuts and fades: to the sample, from one decode for all outputs, and never of a source that is not all there."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.pcm import read_wav
from tests.support.samples import RATE_HZ, a_wav, level_of, samples_of, tones
from tests.support.sounds import SOUND_FORMATS, half_of, listen, run_ffmpeg, sound
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.errors import InvalidMessageError, UnsupportedAudioError

_LOSSLESS = tuple(name for name, rules in FORMATS.items() if rules.is_lossless)


def a_ramp(seconds: float) -> array[int]:
    """Mono, in which hardly two samples near each other are alike."""
    return array("h", ((number * 7919) % 60_000 - 30_000 for number in range(round(seconds * RATE_HZ))))


def wav_samples(path: Path) -> array[int]:
    return array("h", read_wav(path.read_bytes()).frames)


@pytest.mark.parametrize("suffix", ["wav", "flac", "caf", "mka", "mp4"])
async def test_a_cut_is_exact_to_the_sample_in_every_container(suffix: str, tmp_path: Path) -> None:
    samples = a_ramp(3)
    made = a_wav(tmp_path / "made.wav", samples, 1)
    source = tmp_path / f"source.{suffix}"
    codec = {"mka": "flac", "mp4": "alac"}.get(suffix, "copy")
    if suffix != "wav":
        run_ffmpeg("-i", str(made), *(() if suffix == "flac" else ("-c:a", codec)), str(source))
    else:
        source = made
    spans = [(0.5, 1.25), (1.000021, 2.0), (0.0, 0.75), (2.5, None), (0.0, 0.00004), (1.0, 1.0 + 1 / RATE_HZ)]
    specs = [an_output(AudioFormat.WAV, start_seconds=start or None, end_seconds=end) for start, end in spans]

    artifacts = await converted(source, tmp_path, *specs)

    for (start, end), artifact in zip(spans, artifacts, strict=True):
        expected = samples[round(start * RATE_HZ) : None if end is None else round(end * RATE_HZ)]
        assert wav_samples(artifact.path) == expected, (start, end)
        assert artifact.duration_seconds == len(expected) / RATE_HZ


async def test_a_full_file_and_its_preview_come_from_one_job(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([440], seconds=4), 1)
    preview = {"start_seconds": 1.0, "end_seconds": 3.0, "fade_out_seconds": 1.0}
    specs = [an_output(AudioFormat.MP3), an_output(AudioFormat.MP3, **preview), an_output(AudioFormat.FLAC)]

    full, cut, lossless = await converted(source, tmp_path, *specs)

    assert [each.duration_seconds for each in (full, cut, lossless)] == [4, 2, 4]
    assert len(samples_of(lossless.path, 1)[0]) == 4 * RATE_HZ


@pytest.mark.parametrize("audio_format", SOUND_FORMATS)
async def test_every_format_holds_a_cut_of_the_right_length(audio_format: AudioFormat, tmp_path: Path) -> None:
    spec = an_output(audio_format, start_seconds=0.3, end_seconds=1.7, fade_in_seconds=0.1, fade_out_seconds=0.2)

    (artifact,) = await converted(sound("plain.ogg"), tmp_path, spec)

    assert artifact.duration_seconds == pytest.approx(1.4, abs=0.0001)
    heard = listen(delivered(artifact))
    extra = 3 * 1024 / heard.rate_hz if audio_format is AudioFormat.AAC else 0.001
    assert 1.395 <= heard.seconds <= 1.4 + extra


@pytest.mark.parametrize("end", [None, 2.0])
async def test_a_fade_is_a_straight_line_from_and_to_silence(end: float | None, tmp_path: Path) -> None:
    samples = array("h", [10_000] * (2 * RATE_HZ))
    source = a_wav(tmp_path / "source.wav", samples, 1)
    spec = an_output(AudioFormat.WAV, fade_in_seconds=0.5, fade_out_seconds=1.0, end_seconds=end)

    (artifact,) = await converted(source, tmp_path, spec)

    faded = wav_samples(artifact.path)
    assert len(faded) == 2 * RATE_HZ
    expected = {0.0: 0, 0.25: 5000, 0.5: 10_000, 0.9: 10_000, 1.5: 5000, 1.75: 2500}
    for seconds, value in expected.items():
        assert faded[round(seconds * RATE_HZ)] == pytest.approx(value, abs=2), seconds
    assert abs(faded[-1]) <= 2


@pytest.mark.parametrize("end", [None, 1.0])
@pytest.mark.parametrize(("fade", "first", "last"), [("fade_in_seconds", 0, 10_000), ("fade_out_seconds", 10_000, 0)])
async def test_a_fade_longer_than_the_output_takes_all_of_it(
    fade: str, first: int, last: int, end: float | None, tmp_path: Path
) -> None:
    source = a_wav(tmp_path / "source.wav", array("h", [10_000] * RATE_HZ), 1)
    spec = an_output(AudioFormat.WAV, end_seconds=end, **{fade: 60})

    (artifact,) = await converted(source, tmp_path, spec)

    faded = wav_samples(artifact.path)
    assert (faded[0], faded[RATE_HZ // 2], faded[-1]) == pytest.approx((first, 5000, last), abs=2)
    assert len(faded) == RATE_HZ


@pytest.mark.parametrize("seconds", [1e-7, 5e-6])
async def test_a_fade_shorter_than_a_sample_is_none(seconds: float, tmp_path: Path) -> None:
    samples = a_ramp(1)
    source = a_wav(tmp_path / "source.wav", samples, 1)

    (artifact,) = await converted(
        source, tmp_path, an_output(AudioFormat.WAV, fade_in_seconds=seconds, fade_out_seconds=seconds)
    )

    assert wav_samples(artifact.path) == samples


@pytest.mark.parametrize("span", [(0.1, 0.100001), (1 - 1e-6, None)])
async def test_a_cut_that_leaves_no_sample_is_refused(span: tuple[float, float | None], tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", a_ramp(1), 1)
    start, end = span

    with pytest.raises(InvalidMessageError, match="leaves no sample of a source at 48000 Hz"):
        await converted(source, tmp_path, an_output(AudioFormat.WAV, start_seconds=start, end_seconds=end))


async def test_a_cut_has_its_own_channel_and_rate(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([1000, 1300], seconds=2), 2, mask=0x3)
    spec = an_output(AudioFormat.WAV, pick_channel=2, start_seconds=0.5, end_seconds=1.5, sample_rate_hz=16_000)

    (artifact,) = await converted(source, tmp_path, spec)

    heard = tmp_path / "heard.wav"
    run_ffmpeg("-i", str(artifact.path), "-ar", str(RATE_HZ), str(heard))
    (samples,) = samples_of(heard, 1)
    assert artifact.duration_seconds == 1
    assert level_of(samples, 1300) == pytest.approx(0.25, rel=0.02)
    assert level_of(samples, 1000) < 0.001


@pytest.mark.parametrize("name", ["plain.wav", "plain.mp3", "plain.ogg", "bare.mp3", "plain.aac", "live.webm"])
@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("end_seconds", {"end_seconds": 2.5}),
        ("start_seconds", {"start_seconds": 2.4}),
        ("end_seconds", {"start_seconds": 50.0, "end_seconds": 60.0}),
    ],
)
async def test_a_cut_beyond_the_end_is_refused_with_the_length(
    name: str, field: str, options: dict[str, float], tmp_path: Path
) -> None:
    specs = [an_output(AudioFormat.WAV), an_output(AudioFormat.OPUS, **options)]

    with pytest.raises(InvalidMessageError, match=r"beyond the end of the source, which has 2\.3") as refused:
        await converted(sound(name), tmp_path, *specs)

    assert refused.value.field == f"outputs[1].{field}"


async def test_the_length_of_a_record_can_be_an_end(tmp_path: Path) -> None:
    (whole,) = await converted(sound("plain.mp3"), tmp_path, an_output(AudioFormat.WAV))
    spec = an_output(AudioFormat.WAV, end_seconds=round(whole.duration_seconds + 0.0005, 3))

    (cut,) = await converted(sound("plain.mp3"), tmp_path, spec)

    assert cut.duration_seconds == whole.duration_seconds


@pytest.mark.parametrize("name", ["plain.wav", "plain.mp3", "plain.ogg", "end.m4a", "plain.flac", "plain.webm"])
@pytest.mark.parametrize("options", [{"end_seconds": 0.5}, {"start_seconds": 1.0, "end_seconds": 2.2}])
async def test_half_a_source_is_refused_inside_and_outside_of_the_cut(
    name: str, options: dict[str, float], tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedAudioError):
        await converted(half_of(name, tmp_path), tmp_path, an_output(AudioFormat.WAV, **options))


@pytest.mark.parametrize("span", [(None, 0.5), (0.9, 1.5), (2.0, None)])
async def test_a_damaged_frame_is_refused_wherever_the_cut_is(
    span: tuple[float | None, float | None], tmp_path: Path
) -> None:
    data = bytearray(sound("plain.flac").read_bytes())
    data[len(data) // 2] ^= 0x10
    source = tmp_path / "source.flac"
    source.write_bytes(data)

    with pytest.raises(UnsupportedAudioError, match="damaged"):
        await converted(source, tmp_path, an_output(AudioFormat.WAV, start_seconds=span[0], end_seconds=span[1]))
