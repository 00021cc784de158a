"""A source converted by its own headers, and by a probe: the ends of both, to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.conversions import an_output
from tests.support.sounds import FFMPEG
from worker.adapters.disk import read_artifact
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.errors import JobError
from worker.ports import Artifact, ConversionProgress, Converted, MispredictedError, SourceAudio

_MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class End:
    """What became of a source: what it was taken for, and what came out of it; or why it was refused."""

    audio: SourceAudio | None = None
    repaired: tuple[str, ...] = ()
    outputs: tuple[tuple[float, str], ...] = ()  # the length, and the digest of the bytes
    refusal: str = ""


async def ends(path: Path, formats: Sequence[AudioFormat]) -> tuple[End, End, str]:
    """The end with a prediction, that with a probe, and what the prediction was: `right`, `wrong` or `none`."""
    converter = FfmpegConverter(FFMPEG)
    with TemporaryDirectory(dir=path.parent) as scratch:
        targets = [
            (an_output(audio_format), Path(scratch, f"{number}.{audio_format}"))
            for number, audio_format in enumerate(formats)
        ]

        async def convert(audio: SourceAudio) -> Converted:
            return await converter.convert(
                path, audio, targets, max_duration_seconds=_MAX_SECONDS, progress=ConversionProgress()
            )

        async def probed() -> End:
            try:
                audio = await converter.probe(path)
                return the_end(audio, await convert(audio))
            except JobError as refusal:
                return refused(refusal)

        kind = "none"
        try:
            audio = await converter.probe(path, may_predict=True)
            kind = "right" if audio.is_predicted else "none"
            predicted = the_end(audio, await convert(audio))
        except MispredictedError:
            kind, predicted = "wrong", await probed()
        except JobError as refusal:
            predicted = refused(refusal)
        return predicted, await probed(), kind


def the_end(audio: SourceAudio, converted: Converted) -> End:
    """The end of a source that was converted."""
    outputs = tuple((artifact.duration_seconds, _digest(artifact)) for artifact in converted.artifacts)
    return End(replace(audio, is_predicted=False), converted.repaired, outputs)


def refused(refusal: JobError) -> End:
    """The end of a source that was refused."""
    return End(refusal=f"{type(refusal).__name__}: {refusal}")


def _digest(artifact: Artifact) -> str:
    return sha256(read_artifact(artifact, 0, artifact.size_bytes)).hexdigest()
