"""From what the encoders wrote to the outputs that are delivered: each with the metadata that it is to have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from worker.adapters.ffmpeg.files import to_artifact
from worker.adapters.ffmpeg.tags import metadata_of
from worker.domain.encoding import Encoding
from worker.ports import Artifact, SourceAudio


def finished(
    audio: SourceAudio, outputs: Sequence[tuple[Encoding, Path]], lengths: Sequence[float]
) -> tuple[Artifact, ...]:
    """The outputs of a source. `lengths` are in seconds. Waits for the disk.

    Raises ConverterCrashedError where one is not whole, OutputsTooLargeError where its format holds less.
    """
    return tuple(
        to_artifact(path, encoding.format, seconds, metadata_of(audio))
        for (encoding, path), seconds in zip(outputs, lengths, strict=True)
    )
