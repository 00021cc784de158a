"""What every AudioConverter does, the fake like the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.converter import FakeConverter
from tests.support.joins import joined
from tests.support.sounds import FFMPEG, SECONDS, half_of, sound
from worker.adapters.disk import read_artifact
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.errors import DurationTooLongError, UnsupportedAudioError
from worker.domain.job import ObjectLocation, OutputSpec
from worker.ports import AudioConverter, ConversionProgress, MispredictedError, OutputLimitError

MakeConverter = Callable[[], AudioConverter]


@pytest.fixture(params=[FakeConverter, lambda: FfmpegConverter(FFMPEG)], ids=["fake", "ffmpeg"])
def converter(request: pytest.FixtureRequest) -> AudioConverter:
    make: MakeConverter = request.param
    return make()


def an_output(audio_format: AudioFormat, directory: Path) -> tuple[OutputSpec, Path]:
    target = ObjectLocation("bucket", f"out.{audio_format}")
    return OutputSpec(target, audio_format), directory / f"out.{audio_format}"


async def test_a_probe_returns_what_the_headers_say(converter: AudioConverter) -> None:
    audio = await converter.probe(sound("plain.wav"))

    assert (audio.container, audio.codec) == ("wav", "pcm_s16le")
    assert (audio.sample_rate_hz, audio.channels, audio.bits_per_sample) == (44100, 2, 16)
    assert audio.duration_seconds == pytest.approx(SECONDS, abs=0.01)
    assert audio.size_bytes == sound("plain.wav").stat().st_size


async def test_a_prediction_is_what_a_probe_returns(converter: AudioConverter) -> None:
    predicted = await converter.probe(sound("plain.wav"), may_predict=True)

    assert predicted.is_predicted
    assert replace(predicted, is_predicted=False) == await converter.probe(sound("plain.wav"))


async def test_a_source_is_not_refused_for_a_prediction(converter: AudioConverter, tmp_path: Path) -> None:
    audio = await converter.probe(sound("plain.wav"), may_predict=True)

    with pytest.raises(MispredictedError):
        await converter.convert(
            sound("plain.wav"),
            audio,
            [an_output(AudioFormat.MP3, tmp_path)],
            max_duration_seconds=1,
            progress=ConversionProgress(),
        )


async def test_each_output_has_its_artifact_in_the_order_asked(converter: AudioConverter, tmp_path: Path) -> None:
    source = sound("plain.wav")
    audio = await converter.probe(source)
    outputs = [an_output(audio_format, tmp_path) for audio_format in (AudioFormat.FLAC, AudioFormat.MP3)]

    converted = await converter.convert(source, audio, outputs, max_duration_seconds=60, progress=ConversionProgress())

    artifacts = converted.artifacts
    assert [artifact.path for artifact in artifacts] == [path for _, path in outputs]
    assert converted.repaired == ()
    for artifact in artifacts:
        assert artifact.duration_seconds == pytest.approx(SECONDS, abs=0.01)
        assert artifact.size_bytes == len(read_artifact(artifact, 0, artifact.size_bytes)) > 1000


async def test_progress_grows_to_the_whole_length(converter: AudioConverter, tmp_path: Path) -> None:
    class Watched(ConversionProgress):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "seconds_done":
                done.append(self.seconds_done)

    source = sound("plain.wav")
    audio = await converter.probe(source)
    done: list[float] = []

    await converter.convert(
        source, audio, [an_output(AudioFormat.MP3, tmp_path)], max_duration_seconds=60, progress=Watched()
    )

    assert done == sorted(done)
    assert done[-1] == pytest.approx(SECONDS, abs=0.1)


async def test_a_source_over_the_limit_is_too_long(converter: AudioConverter, tmp_path: Path) -> None:
    source = sound("plain.wav")
    audio = await converter.probe(source)

    with pytest.raises(DurationTooLongError):
        await converter.convert(
            source,
            audio,
            [an_output(AudioFormat.MP3, tmp_path)],
            max_duration_seconds=1,
            progress=ConversionProgress(),
        )


async def test_no_output_becomes_larger_than_it_may(converter: AudioConverter, tmp_path: Path) -> None:
    source = sound("plain.wav")
    audio = await converter.probe(source)
    output = an_output(AudioFormat.WAV, tmp_path)

    with pytest.raises(OutputLimitError):
        await converter.convert(
            source,
            audio,
            [output],
            max_duration_seconds=60,
            progress=ConversionProgress(),
            max_file_bytes=100_000,
        )

    assert not output[1].exists() or output[1].stat().st_size <= 100_000


@pytest.mark.parametrize("content", [b"", b"these words are no sound\n" * 100], ids=["empty", "text"])
async def test_what_is_no_audio_is_unsupported(converter: AudioConverter, content: bytes, tmp_path: Path) -> None:
    source = tmp_path / "source.mp3"
    source.write_bytes(content)

    with pytest.raises(UnsupportedAudioError):
        await converter.probe(source)


async def test_half_a_source_is_unsupported(converter: AudioConverter, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedAudioError):
        await converter.probe(half_of("plain.wav", tmp_path))


async def test_a_cancelled_conversion_ends_at_once(converter: AudioConverter, tmp_path: Path) -> None:
    source = sound("plain.wav")
    audio = await converter.probe(source)
    task = asyncio.create_task(
        converter.convert(
            source,
            audio,
            [an_output(AudioFormat.MP3, tmp_path)],
            max_duration_seconds=60,
            progress=ConversionProgress(),
        )
    )
    await asyncio.sleep(0)
    task.cancel()

    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_sources_are_joined_to_one_that_can_be_converted(converter: AudioConverter, tmp_path: Path) -> None:
    source, together = sound("plain.wav"), tmp_path / "joined"

    sources = await joined([source, (source, {"end_seconds": 1.0})], together, converter=converter)
    converted = await converter.convert(
        together,
        sources.audio,
        [an_output(AudioFormat.FLAC, tmp_path)],
        max_duration_seconds=60,
        progress=ConversionProgress(),
    )

    assert sources.audio.size_bytes == together.stat().st_size
    assert sources.audio.format.container == "wav"
    assert sources.audio.format.duration_seconds == pytest.approx(SECONDS + 1.0)
    assert converted.source_seconds == converted.artifacts[0].duration_seconds == pytest.approx(SECONDS + 1.0)


async def test_crossfades_shorten_what_is_joined(converter: AudioConverter, tmp_path: Path) -> None:
    sources = await joined([sound("plain.wav")] * 3, tmp_path / "joined", crossfade_seconds=0.5, converter=converter)

    assert sources.audio.duration_seconds == pytest.approx(3 * SECONDS - 1.0)


async def test_the_progress_of_a_join_grows_to_the_length_of_all_sources(
    converter: AudioConverter, tmp_path: Path
) -> None:
    progress = ConversionProgress()

    await joined([sound("plain.wav")] * 2, tmp_path / "joined", progress=progress, converter=converter)

    assert progress.seconds_done == pytest.approx(2 * SECONDS, abs=0.1)


async def test_sources_over_the_limit_are_too_long_together(converter: AudioConverter, tmp_path: Path) -> None:
    with pytest.raises(DurationTooLongError, match="the sources together play"):
        await joined([sound("plain.wav")] * 2, tmp_path / "joined", max_seconds=4, converter=converter)


async def test_joined_sources_become_no_larger_than_they_may(converter: AudioConverter, tmp_path: Path) -> None:
    with pytest.raises(OutputLimitError):
        await joined([sound("plain.wav")] * 2, tmp_path / "joined", max_file_bytes=500_000, converter=converter)


async def test_a_cancelled_join_ends_at_once(converter: AudioConverter, tmp_path: Path) -> None:
    task = asyncio.create_task(joined([sound("plain.wav")] * 2, tmp_path / "joined", converter=converter))
    await asyncio.sleep(0)
    task.cancel()

    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
