"""Conversions by the real converter, and their outputs as they are uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.sounds import FFMPEG
from worker.adapters.disk import read_artifact
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.job import ObjectLocation, OutputSpec
from worker.ports import Artifact, ConversionProgress


def an_output(audio_format: AudioFormat, **options: Any) -> OutputSpec:
    return OutputSpec(ObjectLocation("bucket", "out"), audio_format, **options)


async def converted(
    source: Path,
    directory: Path,
    *outputs: OutputSpec,
    max_seconds: float = 60.0,
    converter: FfmpegConverter | None = None,
) -> list[Artifact]:
    """The artifacts of the outputs, in `directory`: `0.mp3`, `1.opus` and so on."""
    converter = converter or FfmpegConverter(FFMPEG)
    targets = [(spec, directory / f"{number}.{spec.format}") for number, spec in enumerate(outputs)]
    audio = await converter.probe(source)
    conversion = await converter.convert(
        source, audio, targets, max_duration_seconds=max_seconds, progress=ConversionProgress()
    )
    return list(conversion.artifacts)


def delivered(artifact: Artifact) -> Path:
    """The file that the artifact is when somebody has downloaded it."""
    path = artifact.path.with_suffix(f".delivered{artifact.path.suffix}")
    path.write_bytes(read_artifact(artifact, 0, artifact.size_bytes))
    return path


async def channels_of(path: Path) -> int:
    return (await FfmpegConverter(FFMPEG).probe(path)).channels
