"""A source that comes as it is asked for, converted while it comes and when it is there: the ends of both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.conversions import an_output
from tests.support.predictions import End, refused, the_end
from tests.support.sounds import FFMPEG
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.errors import JobError, WorkerError
from worker.domain.job import OutputSpec
from worker.ports import ConversionProgress, Converted, ReadOnceError, SourceAudio

FRONT_BYTES = 65_536  # in which a container is looked for
_CHUNK_BYTES = 20_000
_MAX_SECONDS = 600.0


class Trickle:
    """An `IncomingSource`: the file at `path` grows by a chunk when somebody waits for more of it."""

    def __init__(self, path: Path, data: bytes, *, is_kept: bool = True) -> None:
        self.size_bytes = len(data)
        self.written_bytes = self.read_bytes = 0
        self.is_kept = is_kept
        self._path = path
        self._data = data
        path.touch()

    @property
    def is_complete(self) -> bool:
        return self.is_kept and self.written_bytes == self.size_bytes

    async def wait_for_more_than(self, written_bytes: int) -> None:
        if not self.is_kept and written_bytes < self.read_bytes:
            raise ReadOnceError
        while self.written_bytes < self.size_bytes and self.written_bytes <= written_bytes:
            with self._path.open("ab") as file:
                self.written_bytes += file.write(self._data[self.written_bytes :][:_CHUNK_BYTES])

    def read_up_to(self, offset: int) -> None:
        self.read_bytes = max(self.read_bytes, offset)

    async def wait_until_complete(self) -> None:
        await self.wait_for_more_than(self.size_bytes)


async def ends(
    data: bytes, directory: Path, formats: Sequence[AudioFormat], *, is_kept: bool = True
) -> tuple[End, End, str]:
    """What comes of a source while it comes, and when it is there, and the prediction: `right`, `wrong` or `none`."""
    converter = FfmpegConverter(FFMPEG)
    with TemporaryDirectory(dir=directory) as scratch:
        source, targets = Path(scratch, "source"), _targets(Path(scratch), formats)
        incoming = Trickle(source, data, is_kept=is_kept)
        await incoming.wait_for_more_than(FRONT_BYTES)
        predicted = await converter.predict_from_front(source, incoming)
        early, kind = None, "none"
        if predicted is not None:
            try:
                early, kind = (
                    the_end(predicted, await _convert(converter, source, predicted, targets, incoming)),
                    "right",
                )
            except WorkerError:
                kind = "wrong"
        await incoming.wait_until_complete()
        if predicted is not None:
            assert predicted == await converter.probe(source, may_predict=True)
        try:
            audio = await converter.probe(source)
            whole = the_end(audio, await _convert(converter, source, audio, targets))
        except JobError as refusal:
            whole = refused(refusal)
        return early or whole, whole, kind


async def _convert(
    converter: FfmpegConverter,
    source: Path,
    audio: SourceAudio,
    targets: Sequence[tuple[OutputSpec, Path]],
    incoming: Trickle | None = None,
) -> Converted:
    return await converter.convert(
        source,
        audio,
        targets,
        max_duration_seconds=_MAX_SECONDS,
        progress=ConversionProgress(),
        incoming=incoming,
    )


def _targets(directory: Path, formats: Sequence[AudioFormat]) -> Sequence[tuple[OutputSpec, Path]]:
    return [(an_output(each), directory / f"{number}.{each}") for number, each in enumerate(formats)]
