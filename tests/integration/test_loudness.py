"""The loudness that an output asks for: measured in what its file is decoded to, in every format."""

from __future__ import annotations

import re
from array import array
from pathlib import Path
from typing import Any

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.pcm import read_wav
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.sounds import FFMPEG, SOUND_FORMATS, run_ffmpeg, sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.adapters.ffmpeg.runs import Found, Runs, Task
from worker.domain.audio import AudioFormat, Codec
from worker.domain.errors import ErrorCode
from worker.domain.loudness import Levelling, Loudness, LoudnessTarget, OutputLoudness, PeakOutOfReachError
from worker.ports import Artifact, ConversionProgress

PODCAST = LoudnessTarget(-16.0, -1.0)


def measured(artifact: Artifact) -> tuple[float, float]:
    """Loudness and true peak of the delivered file, by ffmpeg run apart from the worker."""
    said = run_ffmpeg("-i", str(delivered(artifact)), "-af", "ebur128=peak=true", "-f", "null", "-", verbosity="info")
    summary = said[said.rindex("Summary:") :]
    values = [re.search(rf"{name}: +(-?[\d.]+) ", summary) for name in ("I", "Peak")]
    loudness, peak = (float(value[1]) for value in values if value)
    return loudness, peak


def a_talk(directory: Path, *, seconds: float = 3.0, clicks: bool) -> Path:
    """Bursts of a tone and of noise at about -24 LUFS; with clicks that reach almost full scale."""
    burst = "(0.2+0.8*gt(sin(5*t),0))*(0.10*sin(2*PI*220*t+sin(9*t))+0.03*(random(0)-0.5))"
    click = "+0.9*lt(mod(t,0.5),0.001)*sin(2*PI*900*t)" if clicks else ""
    source = directory / "talk.wav"
    run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{burst}{click}|{burst}':s=44100:d={seconds}", str(source))
    return source


@pytest.mark.parametrize("clicks", [False, True], ids=["gain", "limiter"])
@pytest.mark.parametrize("audio_format", SOUND_FORMATS)
async def test_every_format_has_its_loudness_and_keeps_its_peak(
    audio_format: AudioFormat, clicks: bool, tmp_path: Path
) -> None:
    source = a_talk(tmp_path, clicks=clicks)

    (artifact,) = await converted(source, tmp_path, an_output(audio_format, loudness=PODCAST))

    loudness, peak = measured(artifact)
    assert loudness == pytest.approx(-16.0, abs=0.5)
    assert peak <= -1.0
    assert artifact.loudness is not None
    assert artifact.loudness.after_lufs == pytest.approx(loudness, abs=0.11)
    assert artifact.loudness.after_true_peak_dbtp == pytest.approx(peak, abs=0.11)
    assert artifact.duration_seconds == pytest.approx(3.0, abs=0.001)


@pytest.mark.parametrize(
    ("audio_format", "options"),
    [
        (AudioFormat.OPUS, {"bitrate_kbps": 6, "channels": 1, "sample_rate_hz": 8000}),
        (AudioFormat.MP3, {"bitrate_kbps": 8, "channels": 1, "sample_rate_hz": 8000}),
        (AudioFormat.AAC, {"bitrate_kbps": 8, "channels": 1, "sample_rate_hz": 8000}),
        (AudioFormat.OGG, {"vbr_quality": -1}),
        (AudioFormat.WAV, {"codec": Codec.MULAW, "channels": 1, "sample_rate_hz": 8000}),
    ],
)
async def test_what_few_bits_do_to_the_sound_is_made_up_for(
    audio_format: AudioFormat, options: dict[str, Any], tmp_path: Path
) -> None:
    source = a_talk(tmp_path, clicks=True)
    target = LoudnessTarget(-18.0, -2.0)

    (artifact,) = await converted(source, tmp_path, an_output(audio_format, loudness=target, **options))

    loudness, peak = measured(artifact)
    assert loudness == pytest.approx(-18.0, abs=0.5)
    assert peak <= -2.0


async def test_a_peak_that_no_gain_brings_down_fails_the_job_with_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(_self: Levelling, _after: Loudness) -> bool:
        raise ValueError("a true peak of 3.0 dBTP")

    monkeypatch.setattr(Levelling, "judge", judge)

    with pytest.raises(PeakOutOfReachError) as failure:
        await converted(a_talk(tmp_path, clicks=True), tmp_path, an_output(AudioFormat.MP3, loudness=PODCAST))

    limit = "max_true_peak_dbtp (-1 dBTP)"
    assert str(failure.value) == f"no gain brings the true peak of the mp3 output down to {limit}"
    assert (failure.value.code, failure.value.retryable) == (ErrorCode.CONVERTER_CRASHED, False)


async def test_where_the_peak_allows_it_every_sample_has_the_same_gain(tmp_path: Path) -> None:
    samples = array("h", (value // 16 for value in tones([440, 1000], seconds=2)))
    source = a_wav(tmp_path / "source.wav", samples, 2, mask=0x3)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV, loudness=LoudnessTarget(-23.0)))

    assert artifact.loudness is not None
    assert artifact.loudness.before_lufs is not None
    gain = 10 ** ((-23.0 - artifact.loudness.before_lufs) / 20)
    louder = array("h", read_wav(artifact.path.read_bytes()).frames)
    assert gain > 2
    assert len(louder) == len(samples)
    assert all(abs(after - gain * before) <= 1 for before, after in zip(samples, louder, strict=True))


async def test_a_limiter_takes_down_the_peaks_alone(tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    clicks = "aevalsrc='0.1*sin(2*PI*220*t)+0.8*lt(mod(t,0.5),0.001)*sin(2*PI*900*t)':s=44100:d=2"
    run_ffmpeg("-f", "lavfi", "-i", clicks, str(source))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV, loudness=PODCAST))

    before, after = (array("h", read_wav(path.read_bytes()).frames) for path in (source, artifact.path))
    quiet = range(int(0.35 * 44_100), int(0.45 * 44_100))  # far from any click
    gains = [after[at] / before[at] for at in quiet if abs(before[at]) > 500]
    assert max(gains) / min(gains) < 1.01
    assert min(gains) > 1.3
    assert max(map(abs, after)) < 2**15 * 10 ** (-1 / 20)


async def test_outputs_with_different_targets_are_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyses: list[int] = []
    run = Runs.run_as_found

    async def counted(self: Runs, task: Task, **how: Any) -> Found:
        analyses.append(len(task.analyses))
        return await run(self, task, **how)

    monkeypatch.setattr(Runs, "run_as_found", counted)
    targets = [-16.0, -23.0, -14.0]
    specs = [an_output(AudioFormat.FLAC, loudness=LoudnessTarget(each)) for each in targets]
    specs += [an_output(AudioFormat.WAV), an_output(AudioFormat.WAV, channels=1, loudness=PODCAST)]

    artifacts = await converted(a_talk(tmp_path, clicks=False), tmp_path, *specs)

    assert analyses[0] == 2  # in stereo and in mono
    assert not any(analyses[1:])
    assert [measured(each)[0] for each in artifacts[:3]] == pytest.approx(targets, abs=0.2)
    assert artifacts[3].loudness is None
    assert measured(artifacts[4])[0] == pytest.approx(-16.0, abs=0.2)


@pytest.mark.parametrize(("seconds", "level"), [(2.0, 0.0), (2.0, 1e-4), (0.3, 0.5)], ids=["silence", "gate", "short"])
async def test_what_has_no_loudness_is_left_as_it_is_and_the_record_says_so(
    seconds: float, level: float, tmp_path: Path
) -> None:
    source = tmp_path / "source.wav"
    run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{level}*sin(2*PI*440*t)':s=48000:d={seconds}", str(source))

    artifacts = await converted(
        source, tmp_path, an_output(AudioFormat.WAV, loudness=PODCAST), an_output(AudioFormat.MP3, loudness=PODCAST)
    )

    assert read_wav(artifacts[0].path.read_bytes()).frames == read_wav(source.read_bytes()).frames
    for artifact in artifacts:
        assert artifact.loudness is not None
        assert artifact.loudness.before_lufs is None
        assert artifact.loudness.after_lufs is None
    peak = artifacts[0].loudness and artifacts[0].loudness.after_true_peak_dbtp
    assert (peak is None) == (level == 0)


async def test_the_loudness_is_that_of_the_cut_and_of_its_fades(tmp_path: Path) -> None:
    samples = tones([1000], seconds=6)
    for at in range(2 * RATE_HZ, len(samples)):
        samples[at] //= 8
    source = a_wav(tmp_path / "source.wav", samples, 1)
    spec = an_output(AudioFormat.FLAC, loudness=PODCAST, start_seconds=3.0, end_seconds=5.0, fade_out_seconds=0.5)

    (artifact,) = await converted(source, tmp_path, spec)

    assert artifact.duration_seconds == 2.0
    assert measured(artifact)[0] == pytest.approx(-16.0, abs=0.2)


@pytest.mark.parametrize("name", ["plain.mp3", "bare.mp3"])
async def test_progress_moves_through_all_passes_and_never_beyond_the_whole(name: str, tmp_path: Path) -> None:
    converter, progress = FfmpegConverter(FFMPEG), _Watched()
    audio = await converter.probe(sound(name))
    spec = an_output(AudioFormat.OGG, loudness=PODCAST, fade_out_seconds=0.5)

    await converter.convert(
        sound(name), audio, [(spec, tmp_path / "o.ogg")], max_duration_seconds=60, progress=progress
    )

    fractions = [
        seconds / audio.duration_seconds if audio.duration_seconds else (read or 0) / audio.size_bytes
        for seconds, read in progress.seen
    ]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) >= 4
    assert fractions[-1] <= 1.0001


class _Watched(ConversionProgress):
    """Keeps what it has shown, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int | None]] = []
        super().__init__()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in {"seconds_done", "bytes_read"} and hasattr(self, "bytes_read"):
            self.seen.append((self.seconds_done, self.bytes_read))


def test_the_record_names_what_was_measured() -> None:
    measured = OutputLoudness(-20.5, -16.0, -1.3)
    assert measured.to_dict() == {"before_lufs": -20.5, "after_lufs": -16.0, "after_true_peak_dbtp": -1.3}
    assert OutputLoudness.from_dict(measured.to_dict()) == measured


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.MP3])
async def test_floating_point_samples_with_the_values_of_integers_reach_their_loudness(
    audio_format: AudioFormat, tmp_path: Path
) -> None:
    source = tmp_path / "scaled.wav"
    scaled = ("-af", "volume=32768:precision=double", "-c:a", "pcm_f32le")
    run_ffmpeg("-i", str(a_talk(tmp_path, clicks=False)), *scaled, str(source))

    (artifact,) = await converted(source, tmp_path, an_output(audio_format, loudness=PODCAST))

    loudness, peak = measured(artifact)
    assert loudness == pytest.approx(-16.0, abs=0.5)
    assert peak <= -1.0
    assert artifact.loudness is not None
    assert artifact.loudness.before_lufs == pytest.approx(66, abs=3)
