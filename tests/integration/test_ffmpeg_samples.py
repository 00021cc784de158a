"""Which track is taken, what is done with samples that are no finite numbers, and a converter that fails by itself."""

from __future__ import annotations

import shutil
import stat
import struct
from array import array
from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.samples import RATE_HZ, a_wav, samples_of, tones
from tests.support.sounds import FFMPEG, SOUND_FORMATS, listen, run_ffmpeg, sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.errors import ConverterAlwaysFailsError, ErrorCode, UnsupportedAudioError
from worker.ports import ConversionProgress


@pytest.mark.parametrize(
    ("value", "container"),
    [
        *((float(value), "wav") for value in ("nan", "inf", "-inf")),
        *((float(value), container) for value in ("nan", "-inf") for container in ("mka", "mov", "avi", "wv")),
    ],
)
async def test_a_sample_that_is_no_number_is_silence_and_said(value: float, container: str, tmp_path: Path) -> None:
    wav, source = tmp_path / "float.wav", tmp_path / f"source.{container}"
    run_ffmpeg("-i", str(a_wav(tmp_path / "made.wav", tones([1000]), 1)), "-c:a", "pcm_f32le", str(wav))
    data = bytearray(wav.read_bytes())
    place = data.index(b"data") + 8 + 4 * 6012
    data[place : place + 4] = struct.pack("<f", value)
    wav.write_bytes(data)
    run_ffmpeg("-i", str(wav), "-c:a", "wavpack" if container == "wv" else "copy", str(source))
    converter = FfmpegConverter(FFMPEG)
    audio = await converter.probe(source)
    targets = [(an_output(each), tmp_path / f"out.{each}") for each in (AudioFormat.WAV, AudioFormat.M4A)]

    conversion = await converter.convert(
        source, audio, targets, max_duration_seconds=60, progress=ConversionProgress()
    )

    assert conversion.repaired == ("samples that are no finite numbers became silence",)
    raw = tmp_path / "raw"
    run_ffmpeg("-i", str(conversion.artifacts[0].path), "-f", "s16le", str(raw))
    samples = array("h", raw.read_bytes())
    assert samples[6012] == 0
    assert max(map(abs, samples)) == pytest.approx(0.25 * 32_767, rel=0.01)


@pytest.mark.parametrize("container", ["mka", "mov", "wv"])
async def test_nothing_is_said_of_floating_point_samples_that_are_numbers(container: str, tmp_path: Path) -> None:
    source = tmp_path / f"source.{container}"
    codec = ("wavpack", "-sample_fmt", "fltp") if container == "wv" else ("pcm_f32le",)
    run_ffmpeg("-i", str(sound("plain.wav")), "-c:a", *codec, str(source))
    converter = FfmpegConverter(FFMPEG)
    targets = [(an_output(AudioFormat.WAV), tmp_path / "out.wav")]

    conversion = await converter.convert(
        source, await converter.probe(source), targets, max_duration_seconds=60, progress=ConversionProgress()
    )

    assert conversion.repaired == ()


@pytest.mark.parametrize("container", ["wav", "mka"])
@pytest.mark.parametrize("scale", [2.0**23, 2.0**31, 1e20])
async def test_every_encoder_ends_with_floating_point_samples_far_beyond_full_scale(
    scale: float, container: str, tmp_path: Path
) -> None:
    made, wav, source = (tmp_path / name for name in ("made.wav", "float.wav", f"source.{container}"))
    run_ffmpeg("-i", str(a_wav(made, tones([1000]), 1)), "-c:a", "pcm_f32le", str(wav))
    data = bytearray(wav.read_bytes())
    begin = data.index(b"data") + 8
    samples = array("f", data[begin:])
    data[begin:] = array("f", [value * scale for value in samples]).tobytes()
    wav.write_bytes(data)
    run_ffmpeg("-i", str(wav), "-c:a", "copy", str(source))
    converter = FfmpegConverter(FFMPEG)
    targets = [(an_output(each), tmp_path / f"out.{each}") for each in SOUND_FORMATS]

    conversion = await converter.convert(
        source, await converter.probe(source), targets, max_duration_seconds=60, progress=ConversionProgress()
    )

    assert conversion.repaired == ()
    raw = tmp_path / "raw"
    run_ffmpeg("-i", str(tmp_path / "out.wav"), "-f", "s16le", str(raw))
    signs = [(value > 0) - (value < 0) for value in array("h", raw.read_bytes())]
    assert signs == [(value > 0) - (value < 0) for value in samples]


@pytest.mark.parametrize("first_codec", ["aac", "cook"])
async def test_the_default_track_is_taken_or_the_first_that_can_be_decoded(first_codec: str, tmp_path: Path) -> None:
    source = tmp_path / "source.mka"
    run_ffmpeg(
        *("-i", str(a_wav(tmp_path / "1.wav", tones([1000]), 1)), "-i", str(sound("plain.wav"))),
        *("-map", "0:a", "-map", "1:a", "-c:a", "aac", "-disposition:a:0", "0", "-disposition:a:1"),
        *("default" if first_codec == "aac" else "0", str(source)),
    )
    if first_codec == "cook":
        data = source.read_bytes()
        source.write_bytes(data.replace(b"A_AAC", b"A_XXX", 1))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(2.3, abs=0.05)
    assert listen(artifact.path).layout == "stereo"


@pytest.mark.parametrize("suffix", ["flac", "mka", "mp4"])
async def test_one_flipped_bit_of_a_flac_frame_is_refused_in_any_container(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"source.{suffix}"
    run_ffmpeg("-i", str(sound("plain.flac")), "-c", "copy", str(source))
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 0x10
    source.write_bytes(data)

    with pytest.raises(UnsupportedAudioError, match="damaged"):
        await converted(source, tmp_path, an_output(AudioFormat.WAV))


async def test_an_mp2_frame_that_fails_its_checksum_is_silence_in_its_place_and_said(tmp_path: Path) -> None:
    source = tmp_path / "source.ts"
    run_ffmpeg("-i", str(sound("plain.wav")), "-c:a", "libtwolame", "-error_protection", "1", "-f", "mp2", str(source))
    data = bytearray(source.read_bytes())
    frame = data.index(b"\xff\xfc", len(data) // 2)
    data[frame + 7] ^= 0x40
    source = tmp_path / "source.mp3"
    source.write_bytes(data)
    converter = FfmpegConverter(FFMPEG)
    target = (an_output(AudioFormat.WAV), tmp_path / "out.wav")

    conversion = await converter.convert(
        source, await converter.probe(source), [target], max_duration_seconds=60, progress=ConversionProgress()
    )

    assert any("damaged frames: 1" in sentence for sentence in conversion.repaired)
    assert conversion.artifacts[0].duration_seconds == pytest.approx(2.3, abs=0.06)


@pytest.mark.parametrize("samples", [1, 5, 16, 100])
@pytest.mark.parametrize("rate_hz", [RATE_HZ, 44_100])
async def test_a_source_of_a_few_samples_is_whole_in_every_format(samples: int, rate_hz: int, tmp_path: Path) -> None:
    made = a_wav(tmp_path / "source.wav", tones([1000])[:samples], 1)
    data = bytearray(made.read_bytes())
    data[24:28] = struct.pack("<I", rate_hz)
    made.write_bytes(data)

    artifacts = await converted(made, tmp_path, *map(an_output, SOUND_FORMATS))

    for artifact in artifacts:
        assert artifact.duration_seconds == pytest.approx(samples / rate_hz, abs=0.0001)
        demuxer = ("-f", "aac") if artifact.path.suffix == ".aac" else ()  # two frames are too few to be recognised
        run_ffmpeg(*demuxer, "-i", str(delivered(artifact)), "-f", "null", "-")
    flac = artifacts[list(SOUND_FORMATS).index(AudioFormat.FLAC)]
    assert len(samples_of(flac.path, 1)[0]) == samples


async def test_a_converter_that_fails_in_the_same_way_twice_fails_the_job(tmp_path: Path) -> None:
    runs, broken = tmp_path / "runs", tmp_path / "ffmpeg"
    broken.write_text(
        f'#!/bin/sh\ncase "$*" in *-progress*) echo run >> {runs}; exit 7;; esac\nexec {shutil.which(FFMPEG)} "$@"\n'
    )
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)

    with pytest.raises(ConverterAlwaysFailsError, match="code 7, twice") as failure:
        await converted(
            sound("plain.wav"), tmp_path, an_output(AudioFormat.WAV), converter=FfmpegConverter(str(broken))
        )

    assert failure.value.code is ErrorCode.CONVERTER_CRASHED
    assert not failure.value.retryable
    assert runs.read_text().count("run") == 2
