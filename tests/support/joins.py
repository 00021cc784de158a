"""Sources that are joined by the real converter, and what is converted from them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.sounds import FFMPEG
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.joining import SourcePart
from worker.ports import Artifact, AudioConverter, ConversionProgress, DownloadedPart, JoinedSources


async def downloaded(converter: AudioConverter, path: Path, **cut: Any) -> DownloadedPart:
    """The part of a file that is named as if it had come from a bucket."""
    part = SourcePart(ObjectLocation("bucket", path.name), **cut)
    return DownloadedPart(part, path, await converter.probe(path))


async def joined(
    parts: Sequence[Path | tuple[Path, dict[str, float]]],
    path: Path,
    *,
    crossfade_seconds: float = 0.0,
    max_seconds: float = 60.0,
    progress: ConversionProgress | None = None,
    converter: AudioConverter | None = None,
    max_file_bytes: int | None = None,
) -> JoinedSources:
    """The parts, each a file or a file with its cut, as one file of samples at `path`."""
    converter = converter or FfmpegConverter(FFMPEG)
    with_cuts = [part if isinstance(part, tuple) else (part, {}) for part in parts]
    return await converter.join(
        [await downloaded(converter, source, **cut) for source, cut in with_cuts],
        path,
        crossfade_seconds=crossfade_seconds,
        max_duration_seconds=max_seconds,
        progress=progress or ConversionProgress(),
        max_file_bytes=max_file_bytes,
    )


async def converted_together(
    parts: Sequence[Path | tuple[Path, dict[str, float]]], directory: Path, *outputs: OutputSpec, **options: Any
) -> list[Artifact]:
    """The artifacts of the outputs, in `directory`: `0.mp3`, `1.opus` and so on."""
    sound = await joined(parts, directory / "joined", **options)
    targets = [(spec, directory / f"{number}.{spec.format}") for number, spec in enumerate(outputs)]
    conversion = await FfmpegConverter(FFMPEG).convert(
        directory / "joined", sound.audio, targets, max_duration_seconds=60, progress=ConversionProgress()
    )
    return list(conversion.artifacts)


def floats_in(path: Path) -> array[float]:
    return array("f", path.read_bytes())
